#!/usr/bin/env bash
# fflate's gunzipSync gives the first of several joined gzip members and stops,
# without an error: of two joined files, or of a blocked one (bgzip), the rest
# is gone. Its own streaming class reads all.
#
# Versions: fflate 0.8.3, pako 3.0.3 (npm), Node's zlib. Needs Node.
# Behaviour: a gzip file may hold many members, as `cat a.gz b.gz` and bgzip
# make them. zlib, pako and fflate's Gunzip go on, gunzipSync ends.
# Who meets it: pages that read ZINC's or bgzipped lists of molecules: bgzip's
# blocks are 64 kB, so that a whole library is cut to its first thousand lines.
# Source: RFC 1952, section 2.2: a file consists of a series of members.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --no-audit --no-fund --prefix . fflate@0.8.3 pako@3.0.3 >/dev/null

seen=$(node -e '
  const zlib = require("zlib"), fflate = require("fflate"), pako = require("pako");
  const joined = Buffer.concat(["CCO ethanol\n", "CCN ethylamine\n"].map((text) => zlib.gzipSync(text)));
  const show = (name, bytes) => console.log(name.padEnd(18), JSON.stringify(Buffer.from(bytes).toString()));
  show("zlib", zlib.gunzipSync(joined));
  show("pako", pako.ungzip(joined));
  const parts = [];
  new fflate.Gunzip((part) => parts.push(Buffer.from(part))).push(joined, true);
  show("fflate Gunzip", Buffer.concat(parts));
  show("fflate gunzipSync", fflate.gunzipSync(joined));
')
expected='zlib               "CCO ethanol\nCCN ethylamine\n"
pako               "CCO ethanol\nCCN ethylamine\n"
fflate Gunzip      "CCO ethanol\nCCN ethylamine\n"
fflate gunzipSync  "CCO ethanol\n"'
diff <(echo "$expected") <(echo "$seen")
echo "$seen"
echo "Seen: gunzipSync of fflate returns the first member alone."
