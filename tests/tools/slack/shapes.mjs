// Holds blocks and views against the types that Slack publishes (npm `@slack/types`), as JSON Schema.
//
//   node shapes.mjs < {"blocks": [[…], …], "views": [{…}, …]}
//
// Prints what does not fit, one line each; exit 0 only if everything fits.
import fs from "node:fs";
import path from "node:path";
import Ajv from "ajv";
import { createGenerator } from "ts-json-schema-generator";

const types = path.join(process.cwd(), "node_modules/@slack/types/dist/index.d.ts");
const ajv = new (Ajv.default ?? Ajv)({ strict: false, allErrors: true, verbose: false });
const of = (type) =>
  ajv.compile(createGenerator({ path: types, type, skipTypeCheck: true, additionalProperties: false }).createSchema(type));
const [block, view] = [of("KnownBlock"), of("View")];
const given = JSON.parse(fs.readFileSync(0, "utf8"));
let wrong = 0;
const check = (fits, what, name) => {
  if (fits(what)) return;
  wrong += 1;
  // Of a union's many alternatives, those about this very kind say the most.
  const said = fits.errors.map((e) => `${e.instancePath} ${e.message}`).slice(-6).join("; ");
  console.log(`${name}: ${said}\n  ${JSON.stringify(what).slice(0, 600)}`);
};
// A schema that takes everything would prove nothing.
for (const bad of [{ type: "section", text: { type: "mrkdwn" } }, { type: "header", text: { type: "mrkdwn", text: "x" } }, { type: "actions" }]) {
  if (block(bad)) throw new Error(`the schema takes ${JSON.stringify(bad)}`);
}
if (view({ type: "modal", blocks: [] })) throw new Error("the schema takes a view without a title");
given.blocks.forEach((blocks, n) => blocks.forEach((b, i) => check(block, b, `message ${n}, block ${i}`)));
given.views.forEach((v, n) => check(view, v, `view ${n}`));
console.log(`${given.blocks.length} messages and ${given.views.length} views, ${wrong} wrong`);
process.exit(wrong ? 1 : 0);
