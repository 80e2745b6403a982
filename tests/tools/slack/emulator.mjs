// A Slack that nobody here wrote: npm's `emulate`, on loopback. Prints one line of JSON once it answers.
//
//   node emulator.mjs TOKEN PORT SCOPE,SCOPE,…
//
// It registers most reading methods for POST alone, where Slack takes GET as well, and knows `conversations.list` but not
// `users.conversations`; the little server in front turns the one into the other and changes nothing else. No method reads
// a view back, so the views that the emulator answered with, as it holds them, can be read at `/views`.
import http from "node:http";
import { createEmulator } from "emulate";

const [token, port] = [process.argv[2], Number(process.argv[3])];
const scopes = process.argv[4];

await createEmulator({
  service: "slack",
  port: port + 1,
  baseUrl: `http://127.0.0.1:${port}`,
  seed: {
    slack: {
      team: { name: "Proof", domain: "proof" },
      users: [
        { name: "ana", real_name: "Ana Lima", email: "ana@example.com" },
        { name: "ben", real_name: "Ben Okri", email: "ben@example.com" },
      ],
      channels: [{ name: "general" }],
      bots: [{ name: "countersign" }],
      // Ana's own token is for what she does in Slack herself.
      tokens: [
        { token, type: "bot", scopes },
        { token: `${token}-ana`, type: "user", user: "ana", scopes: "files:write,files:read,groups:read,groups:history" },
      ],
      signing_secret: "emulated-secret",
      strict_scopes: true,
    },
  },
});

const views = {};

http
  .createServer((asked, answer) => {
    const url = new URL(asked.url, "http://x");
    if (url.pathname === "/views") {
      answer.writeHead(200, { "content-type": "application/json" });
      answer.end(JSON.stringify(views));
      return;
    }
    const chunks = [];
    asked.on("data", (chunk) => chunks.push(chunk)).on("end", () => {
      let [body, method, path] = [Buffer.concat(chunks), asked.method, asked.url];
      const headers = { ...asked.headers };
      if (method === "GET" && url.pathname.startsWith("/api/")) {
        const known = url.pathname.replace("users.conversations", "conversations.list");
        [method, path, body] = ["POST", known, Buffer.from(url.search.slice(1))];
        headers["content-type"] = "application/x-www-form-urlencoded";
      }
      headers["content-length"] = body.length;
      delete headers["transfer-encoding"];
      const onward = http.request({ host: "127.0.0.1", port: port + 1, method, path, headers }, (got) => {
        const answered = [];
        got.on("data", (chunk) => answered.push(chunk)).on("end", () => {
          const whole = Buffer.concat(answered);
          if (url.pathname.startsWith("/api/views.")) {
            const { view } = JSON.parse(whole);
            if (view) views[view.id] = view;
          }
          answer.writeHead(got.statusCode, got.headers);
          answer.end(whole);
        });
      });
      onward.on("error", (error) => {
        answer.writeHead(502);
        answer.end(String(error));
      });
      onward.end(body);
    });
  })
  .listen(port, "127.0.0.1", () => console.log(JSON.stringify({ port })));
