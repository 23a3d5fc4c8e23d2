// The text that is said: the word that is heard now is marked, and those that a take swallowed or says twice are named.
import { word } from "./words.js";

const LINGERS_S = 0.25; // behind its end, while no other word has begun

export class Transcript {
  constructor(place, summary) {
    this.place = place;
    this.summary = summary;
    this.begin("");
  }

  begin(language) {
    this.place.replaceChildren();
    this.place.hidden = true;
    this.place.lang = language.replace(/^(all|auto)_?/, "");
    this.summary.textContent = "";
    this.words = [];
    this.faulty = [];
    this.next = 0;
    this.now = null;
  }

  // A text that begins at this second of the sound. Words count characters as Python does, not UTF-16's halves.
  say(text, atS) {
    const rest = document.createTextNode(`${text} `);
    this.place.append(rest);
    this.place.hidden = false;
    this.part = { characters: [...text], atS, told: 0, rest, spans: new Map() };
  }

  tell({ words, word_faults }) {
    for (const each of words) this.add(each);
    for (const each of word_faults) this.fault(each);
  }

  add(told) {
    const { part } = this;
    if (told.input_start < part.told) return;
    const span = document.createElement("span");
    span.textContent = part.characters.slice(told.input_start, told.input_end).join("");
    part.rest.before(part.characters.slice(part.told, told.input_start).join(""), span);
    part.told = told.input_end;
    part.rest.data = `${part.characters.slice(part.told).join("")} `;
    part.spans.set(told.input_start, span);
    this.words.push({ startS: part.atS + told.start, endS: part.atS + told.end, span });
  }

  fault({ word: text, fault, input_start }) {
    const span = this.part.spans.get(input_start);
    if (!span || span.classList.contains("fault")) return;
    span.classList.add("fault");
    const note = document.createElement("small");
    note.dataset.word = fault;
    note.textContent = word(fault);
    span.after(" ", note);
    this.faulty.push(text);
    this.summary.textContent = word("faulty", { words: this.faulty.join(", ") });
  }

  // Seconds of the sound that is heard now; below nought where nothing is.
  show(seconds) {
    while (this.next < this.words.length && this.words[this.next].startS <= seconds) this.next += 1;
    const last = this.words[this.next - 1];
    const now = last && seconds >= 0 && seconds < last.endS + LINGERS_S ? last.span : null;
    if (now === this.now) return;
    this.now?.removeAttribute("aria-current");
    now?.setAttribute("aria-current", "true");
    this.now = now;
    if (now) this.place.scrollTop = now.offsetTop - this.place.clientHeight / 2;
  }
}
