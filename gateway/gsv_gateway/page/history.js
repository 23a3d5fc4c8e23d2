// What was heard: play it again, keep it as WAV or MP3.
import { speech } from "./api.js";
import { wavOf } from "./wav.js";
import { word } from "./words.js";

const MOST = 30;

function saved(blob, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}

function button(name, text, onClick) {
  const made = document.createElement("button");
  made.type = "button";
  made.textContent = text;
  made.dataset.kind = name;
  made.addEventListener("click", onClick);
  return made;
}

// `fields` are those of the request: with its seed, the server says the same again.
export function remember(fields, samples, sampleRate, figures, onError) {
  const list = document.getElementById("history");
  const item = document.createElement("li");
  const title = document.createElement("span");
  title.textContent = `${fields.voice} · ${fields.input.slice(0, 80)} · ${(samples.length / sampleRate).toFixed(1)} s · ${figures}`;
  const audio = document.createElement("audio");
  audio.controls = true;
  const wav = wavOf(samples, sampleRate);
  audio.src = URL.createObjectURL(wav);
  audio.setAttribute("aria-label", `${word("play")}: ${fields.input.slice(0, 80)}`);
  const row = document.createElement("div");
  row.className = "row";
  row.append(
    button("wav", "WAV", () => saved(wav, `${fields.voice}.wav`)),
    button("mp3", "MP3", async () => {
      try {
        const answer = await speech({ ...fields, response_format: "mp3", sample_rate: undefined, cache: "audio" });
        saved(await answer.blob(), `${fields.voice}.mp3`);
      } catch (error) {
        onError(error);
      }
    }),
  );
  item.append(title, audio, row);
  list.prepend(item);
  while (list.children.length > MOST) {
    URL.revokeObjectURL(list.lastChild.querySelector("audio").src);
    list.lastChild.remove();
  }
  document.getElementById("history-empty").hidden = true;
}
