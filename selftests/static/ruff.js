// SPDX-License-Identifier: GPL-2.0
/*
 * Checks Python with ruff's WebAssembly package, which tools/setup keeps in the cache:
 * no package of Debian 12 has it, and its own binaries are not needed for this.
 *
 * usage: node ruff.js DIRECTORY OPTIONS FILE...	OPTIONS is ruff.toml as JSON
 */
const fs = require("fs");

const [directory, options, ...files] = process.argv.slice(2);
const ruff = require(`${directory}/ruff_wasm.js`);
const workspace = new ruff.Workspace(JSON.parse(options), ruff.PositionEncoding.Utf32);

for (const file of files)
	for (const d of workspace.check(fs.readFileSync(file, "utf8")))
		console.log(`${file}:${d.start_location.row}: ${d.code} ${d.message}`);
