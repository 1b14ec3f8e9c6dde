# SPDX-License-Identifier: GPL-2.0
"""
Finds the conditions of a C file in kernel style, and makes a file in which each can be
told to be never or always true. A condition is evaluated in any case, so what it does
beside being true or not is done.

In a chain, each part is dropped in turn: a part of "a && b" is always true then, one of
"a || b" never. If a test notices that for each part, and the chain being never (&&) or
always (||) true, it notices any of them being negated as well.
"""
import re
from dataclasses import dataclass

SKIPPED = re.compile(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])+\'|'
                     r'^[ \t]*#(?:\\\n|[^\n])*', re.S | re.M)
HEAD = re.compile(r"\b(if|while|for|return)\b")
LABEL = re.compile(r"\s*(?:else\b|do\b|(?:case\b[^:;?]*|\w+\s*):)")
ASSIGNMENT = re.compile(r"(?<![=!<>])=(?!=)")
DECLARATION = "int rblk_draw(int n, int v, int c);"
ASSERTIONS = "RBLK_ASSERT", "RAFT_BROKEN"      # they show what is written there
OPEN, CLOSE = "([{", ")]}"


@dataclass(frozen=True)
class Condition:
    function: str
    line: int
    text: str
    value: int          # 0: never true, 1: always
    lo: int             # where it is in the file
    hi: int
    nth: int            # of those with the same text in this function

    @property
    def name(self):
        again = f" (#{self.nth})" if self.nth > 1 else ""
        return f"{self.function} {'always' if self.value else 'never'} {self.text}{again}"


def blank(text):
    """What is no code becomes blanks, and what is in quotes zeroes."""
    return SKIPPED.sub(lambda m: re.sub(r"[^\n]", "0" if m[0][0] in "\"'" else " ", m[0]), text)


class Finder:
    """Conditions of one function."""
    def __init__(self, code, lo, hi, is_bool):
        self.code = code
        self.lo, self.hi = lo, hi
        self.is_bool = is_bool      # it returns a condition
        self.found = []             # (lo, hi, value)

    def matching(self, at):
        """Behind the bracket that closes the one at @at."""
        depth = 0
        for i in range(at, self.hi):
            depth += (self.code[i] in OPEN) - (self.code[i] in CLOSE)
            if not depth:
                return i + 1
        raise ValueError(f"no bracket closes the one at {at}")

    def strip(self, lo, hi):
        while lo < hi and self.code[lo].isspace():
            lo += 1
        while lo < hi and self.code[hi - 1].isspace():
            hi -= 1
        return lo, hi

    def split(self, lo, hi, operator):
        """Parts between @operator, outside of brackets."""
        parts, at, i = [], lo, lo
        while i < hi:
            if self.code[i] in OPEN:
                i = self.matching(i)
            elif self.code.startswith(operator, i):
                parts.append((at, i))
                i += len(operator)
                at = i
            else:
                i += 1
        return [*parts, (at, hi)]

    def groups(self, lo, hi):
        """What is in brackets: arguments, mostly."""
        i = lo
        while i < hi:
            if self.code[i] not in OPEN:
                i += 1
                continue
            end = self.matching(i)
            if not self.code[lo:i].endswith(ASSERTIONS):
                self.value(i + 1, end - 1)
            i = end

    def ternary(self, lo, hi, part):
        """
        Is it "a ? b : c"? Then a is a condition, and @part looks at b and c. In "a ?: c",
        a is a value.
        """
        asked = self.split(lo, hi, "?")
        if len(asked) == 1:
            return False
        at, depth = asked[1][0], 1
        while depth:
            if self.code[at] in OPEN:
                at = self.matching(at)
                continue
            depth += (self.code[at] == "?") - (self.code[at] == ":")
            at += 1
        if self.code[asked[1][0]:at - 1].strip():
            self.condition(*asked[0])
            part(asked[1][0], at - 1)
        part(at, hi)
        return True

    def value(self, lo, hi):
        """An expression or a statement that may contain conditions."""
        for separator in (";", ","):
            parts = self.split(lo, hi, separator)
            if len(parts) > 1:
                for part in parts:
                    self.value(*part)
                return
        flat = self.split(lo, hi, "=")
        if len(flat) > 1 and ASSIGNMENT.search(self.code, flat[0][1] - 1, hi):
            lo = ASSIGNMENT.search(self.code, flat[0][1] - 1, hi).end()
        lo, hi = self.strip(lo, hi)
        if self.ternary(lo, hi, self.value):
            return
        if any(len(self.split(lo, hi, op)) > 1 for op in ("||", "&&")):
            self.condition(lo, hi)
        else:
            self.groups(lo, hi)

    def condition(self, lo, hi, values=(0, 1)):
        """@values: what it may be told to be."""
        lo, hi = self.strip(lo, hi)
        if lo == hi or any(name in self.code[lo:hi] for name in ASSERTIONS):
            return
        inner = lo + (self.code[lo] == "!")
        if self.code[inner] == "(" and self.matching(inner) == hi:
            self.condition(inner + 1, hi - 1,
                           [1 - v for v in values] if inner > lo else values)
            return
        if self.ternary(lo, hi, self.condition):
            self.found += [(lo, hi, v) for v in values]
            return
        for operator, neutral in (("||", 0), ("&&", 1)):
            parts = self.split(lo, hi, operator)
            if len(parts) == 1:
                continue
            if 1 - neutral in values:
                self.found.append((lo, hi, 1 - neutral))
            for part in parts:
                self.condition(*part, (neutral,))
            return
        self.found += [(lo, hi, v) for v in values]
        self.groups(lo, hi)

    def head(self, word, lo, hi):
        """What is in the brackets of if, while or for. A loop that never ends shows nothing."""
        if word == "for":
            parts = self.split(lo, hi, ";")
            if len(parts) == 3:
                self.condition(*parts[1], (0,))
        else:
            self.condition(lo, hi, (0,) if word == "while" else (0, 1))

    def statement(self, lo, hi):
        while label := LABEL.match(self.code, lo, hi):
            lo = label.end()
        lo, hi = self.strip(lo, hi)
        word = HEAD.match(self.code, lo, hi)
        if word and word[1] == "return":
            if self.is_bool and self.code[word.end():hi].strip() not in ("true", "false"):
                self.condition(word.end(), hi)
            else:
                self.value(word.end(), hi)
        else:
            self.value(lo, hi)

    def run(self):
        """Statements end with ; or { or }, and the heads of if, while and for are cut out."""
        i = at = self.lo
        while i < self.hi:
            word = HEAD.match(self.code, i) if not self.code[i - 1].isidentifier() else None
            if word and word[1] != "return":
                opened = self.code.index("(", i)
                end = self.matching(opened)
                self.head(word[1], opened + 1, end - 1)
                i = at = end
            elif self.code[i] in "([":
                i = self.matching(i)
            elif self.code[i] in ";{}":
                self.statement(at, i)
                i = at = i + 1
            else:
                i += 1
        return self.found


def functions(code):
    """(name, whether it returns bool, begin and end of the body)"""
    for m in re.finditer(r"^\{$(.*?)^\}", code, re.S | re.M):
        head = code[:m.start()].rstrip()
        head = head[max(head.rfind(";"), head.rfind("}"), head.rfind("\n\n")) + 1:]
        name = re.search(r"(\w+)\s*\(", head)
        if name:
            yield (name[1], bool(re.search(r"\bbool\b", head[:name.start()])),
                   m.start(1), m.end(1))


def find(text, only=None):
    """All conditions of a file, or of function @only."""
    code = blank(text)
    res = []
    for function, is_bool, lo, hi in functions(code):
        seen = {}
        if only and function != only:
            continue
        for a, b, value in sorted(set(Finder(code, lo, hi, is_bool).run())):
            words = " ".join(text[a:b].split())
            seen[words, value] = seen.get((words, value), 0) + 1
            res.append(Condition(function, text.count("\n", 0, a) + 1, words, value, a, b,
                                 seen[words, value]))
    return res


def instrument(text, conditions):
    """The file in which rblk_draw(i, value, c) stands for condition number i."""
    opened, closed = {}, {}
    for i, c in enumerate(conditions):
        opened.setdefault(c.lo, []).append((-c.hi, f"rblk_draw({i}, {c.value}, !!("))
        closed[c.hi] = closed.get(c.hi, "") + "))"
    res, last = [DECLARATION, "\n"], 0
    for at in sorted({*opened, *closed}):
        res += [text[last:at], closed.get(at, "")]
        res += [o for _, o in sorted(opened.get(at, ()))]
        last = at
    return "".join([*res, text[last:]])
