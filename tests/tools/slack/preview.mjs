// Blocks and views as a page that people can read: what the bot says, roughly as Slack shows it.
//
//   node preview.mjs < {"groups": [["#incidents", [[…], …]], …], "views": [{…}, …]} > preview.html
import fs from "node:fs";

const given = JSON.parse(fs.readFileSync(0, "utf8"));
const escape = (text) => String(text ?? "").replace(/[&<>"]/g, (c) => `&#${c.charCodeAt(0)};`);
const words = (of) => escape(of?.text);
// A reader in Vienna, so that their own time and UTC can be told apart.
const there = (e) => {
  const [day, time] = [{ weekday: "short", day: "numeric", month: "short" }, { hour: "2-digit", minute: "2-digit", hour12: false }];
  const shown = e.format.includes("date") ? { ...day, ...time } : time;
  return new Intl.DateTimeFormat("en-GB", { timeZone: "Europe/Vienna", ...shown }).format(new Date(e.timestamp * 1000));
};
const rich = (e) => {
  const inner = () => (e.elements ?? []).map(rich).join("");
  switch (e.type) {
    case "rich_text_section": return `<span>${inner()}</span>`;
    case "rich_text_quote": return `<blockquote>${inner()}</blockquote>`;
    case "rich_text_list": return `<ul>${e.elements.map((i) => `<li>${rich(i)}</li>`).join("")}</ul>`;
    case "text": return e.style?.bold ? `<b>${escape(e.text)}</b>` : escape(e.text).replace(/\n/g, "<br>");
    case "link": return `<a href="${escape(e.url)}">${escape(e.text ?? e.url)}</a>`;
    case "date": return `<time>${escape(there(e))}</time>`;
    case "user": return `<b class="user">@${escape(e.user_id)}</b>`;
    default: return escape(JSON.stringify(e));
  }
};
const element = (e) => {
  const initial = escape(e.initial_value ?? e.initial_option?.text?.text ?? e.placeholder?.text ?? "");
  switch (e.type) {
    case "button": return `<button class="${escape(e.style)}">${words(e.text)}</button>`;
    case "plain_text_input": return e.multiline ? `<textarea>${initial}</textarea>` : `<input value="${initial}">`;
    case "static_select": {
      const options = e.options ?? e.option_groups.flatMap((g) => g.options);
      return `<select><option>${initial}</option>${options.map((o) => `<option>${words(o.text)}</option>`).join("")}</select>`;
    }
    case "checkboxes": {
      const checked = (o) => ((e.initial_options ?? []).some((i) => i.value === o.value) ? " checked" : "");
      return e.options.map((o) => `<label class="box"><input type="checkbox"${checked(o)}> ${words(o.text)}</label>`).join("");
    }
    case "datetimepicker": return `<input type="datetime-local">`;
    case "file_input": return `<input type="file">`;
    default: return `<input placeholder="${escape(e.type)}" value="${initial}">`;
  }
};
const block = (b) => {
  switch (b.type) {
    case "header": return `<h3>${words(b.text)}</h3>`;
    case "divider": return "<hr>";
    case "rich_text": return `<div class="rich">${b.elements.map(rich).join("")}</div>`;
    case "actions": return `<div class="row">${b.elements.map(element).join("")}</div>`;
    case "input":
      return `<label class="input"><b>${words(b.label)}</b>${b.optional ? " <i>(optional)</i>" : ""}${element(b.element)}<small>${words(b.hint)}</small></label>`;
    default: return `<pre>${escape(JSON.stringify(b, null, 1))}</pre>`;
  }
};
const message = (blocks) => `<article>${blocks.map(block).join("")}</article>`;
const view = (v) =>
  `<article class="modal"><header>${words(v.title)}</header>${v.blocks.map(block).join("")}<footer>${v.close ? `<button>${words(v.close)}</button>` : ""}${v.submit ? `<button class="primary">${words(v.submit)}</button>` : ""}</footer></article>`;
console.log(`<!doctype html><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>What the bot says in Slack</title><style>
body{font:15px/1.45 Lato,system-ui,sans-serif;margin:1rem auto;max-width:42rem;padding:0 .75rem;color:#1d1c1d}
article{border-left:3px solid #ddd;padding:.25rem .75rem;margin:.75rem 0;overflow-wrap:anywhere}
.modal{border:1px solid #bbb;border-radius:8px;max-width:32rem}.modal header{font-weight:800;font-size:1.1rem;padding:.4rem 0}
.modal footer{display:flex;gap:.5rem;justify-content:flex-end;padding:.5rem 0}h3{margin:.2rem 0}ul{margin:.1rem 0 .4rem}blockquote{border-left:4px solid #ccc;margin:.2rem 0;padding-left:.6rem}
button{border:1px solid #bbb;background:#fff;border-radius:4px;padding:.3rem .7rem;font-weight:700}.primary{background:#007a5a;color:#fff}.danger{background:#e01e5a;color:#fff}
.row{display:flex;flex-wrap:wrap;gap:.4rem;margin:.4rem 0}.input{display:block;margin:.6rem 0}.input input,.input select,.input textarea{display:block;width:100%;box-sizing:border-box;padding:.3rem}
.box{display:block}.box input{display:inline;width:auto}small{color:#616061}time{border-bottom:1px dotted}</style>
<h1>What the bot says in Slack</h1>${given.groups.map(([title, messages]) => `<h2>${escape(title)}</h2>${messages.map(message).join("")}`).join("")}<h2>Forms</h2>${given.views.map(view).join("")}`);
