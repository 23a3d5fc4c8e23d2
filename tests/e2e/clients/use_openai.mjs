// openai for Node.js, unmodified. Prints JSON.
import { createRequire } from "node:module";
import { join } from "node:path";

const require = createRequire(join(process.env.NODE_FOLDER, "package.json"));
const OpenAI = require("openai");

const client = new OpenAI({ baseURL: `${process.argv[2]}/v1`, apiKey: "not-needed", maxRetries: 0 });
const asked = { model: "gpt-4o-mini-tts", voice: "alloy", input: "Hello there, how are you?" };
const seen = { formats: {} };

for (const response_format of ["mp3", "opus", "aac", "flac", "wav", "pcm"]) {
  const answer = await client.audio.speech.create({ ...asked, response_format });
  seen.formats[response_format] = (await answer.arrayBuffer()).byteLength;
}

const streamed = await client.audio.speech.create({ ...asked, response_format: "pcm" });
seen.pieces = 0;
for await (const _ of streamed.body) seen.pieces += 1;

const events = await (await client.audio.speech.create({ ...asked, stream_format: "sse" })).text();
seen.events = [...new Set(events.split("\n").filter(Boolean).map((line) => JSON.parse(line.slice(6)).type))];

for (const [name, fields] of Object.entries({ bad: { speed: 9 }, voice: { voice: "nobody" }, model: { model: "whisper-1" } })) {
  try {
    await client.audio.speech.create({ ...asked, ...fields });
  } catch (error) {
    seen[name] = [error.constructor.name, error.status, error.code, Boolean(error.requestID)];
  }
}
seen.models = (await client.models.list()).data.map((model) => model.id);
console.log(JSON.stringify(seen));
