// Bundles the console: `node build.mjs OUTPUT_FOLDER`. The same sources give the same bytes, whatever Node runs this.
import { build } from "esbuild";
import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const here = dirname(fileURLToPath(import.meta.url));
const [output] = process.argv.slice(2);
if (!output) throw new Error("usage: node build.mjs OUTPUT_FOLDER");

const bundled = await build({
  absWorkingDir: here,
  entryPoints: { app: "src/main.tsx", style: "styles/index.css" },
  bundle: true,
  minify: true,
  format: "esm",
  target: ["chrome123", "firefox121", "safari17.5"],
  jsx: "automatic",
  jsxImportSource: "preact",
  charset: "utf8",
  legalComments: "none", // NOTICE has them
  outdir: "/out",
  write: false,
  metafile: true,
});

const assets = join(output, "assets");
rmSync(output, { recursive: true, force: true });
mkdirSync(assets, { recursive: true });

/** Writes a file under a name that changes with its bytes, so that browsers may keep it for ever. */
function keep(name, bytes) {
  const hash = createHash("sha256").update(bytes).digest("hex").slice(0, 12);
  const hashed = name.replace(/(\.\w+)$/, `-${hash}$1`);
  writeFileSync(join(assets, hashed), bytes);
  return `assets/${hashed}`;
}

const names = { "icon.svg": keep("icon.svg", readFileSync(join(here, "icon.svg"))) };
for (const file of bundled.outputFiles) {
  const name = file.path.split(/[\\/]/).at(-1);
  names[name] = keep(name, file.contents);
}
const page = readFileSync(join(here, "index.html"), "utf8");
writeFileSync(join(output, "index.html"), page.replace(/\{([\w.]+)\}/g, (_, name) => names[name] ?? fail(name)));
writeFileSync(join(output, "NOTICE"), notice());

function fail(name) {
  throw new Error(`index.html names ${name}, which is not built`);
}

/** The licences of what is in the bundle. */
function notice() {
  const inputs = Object.keys(bundled.metafile.inputs);
  const packages = new Set(inputs.flatMap((path) => /node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(path)?.[1] ?? []));
  const parts = [...packages].sort().map((name) => {
    const folder = join(here, "node_modules", name);
    const { version, license } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
    const file = readdirSync(folder).find((one) => /^licen[cs]e/i.test(one));
    const text = file ? readFileSync(join(folder, file), "utf8").trim() : "";
    return `${name} ${version} (${license})\n\n${text}\n`;
  });
  return `The web console contains these libraries.\n\n${parts.join(`\n${"-".repeat(70)}\n\n`)}`;
}
