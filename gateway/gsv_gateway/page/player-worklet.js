// Plays what is queued and keeps account: first sound, gaps, what is left. One process() is 128 samples.
class Player extends AudioWorkletProcessor {
  constructor() {
    super();
    this.reset();
    this.port.onmessage = ({ data }) => {
      if (data.samples) {
        this.queue.push(data.samples);
        this.queued += data.samples.length;
      } else if (data.end) this.ended = true;
      else if (data.reset) this.reset(data);
    };
  }

  reset({ prebuffer = 0, capture = false } = {}) {
    this.queue = [];
    this.queued = this.at = this.played = this.gaps = this.gapSamples = this.sinceTold = 0;
    this.prebuffer = prebuffer;
    this.capture = capture;
    this.started = this.ended = this.told = false;
    this.inGap = false;
  }

  process(_, [[output]]) {
    if (!this.started) {
      if (this.queued >= this.prebuffer && this.queued > 0 || this.ended && this.queued) {
        this.started = true;
        this.port.postMessage({ first: true });
      } else if (this.ended) this.finish();
      else return true;
    }
    const filled = this.fill(output);
    if (this.capture && filled) this.port.postMessage({ played: output.slice(0, filled) });
    if (filled < output.length && this.started) {
      if (this.ended) this.finish();
      else this.gap(output.length - filled);
    } else this.inGap = false;
    this.sinceTold += output.length;
    if (this.sinceTold >= sampleRate / 20) this.tell();
    return true;
  }

  fill(output) {
    let filled = 0;
    while (filled < output.length && this.queue.length) {
      const first = this.queue[0];
      const count = Math.min(first.length - this.at, output.length - filled);
      output.set(first.subarray(this.at, this.at + count), filled);
      filled += count;
      this.at += count;
      if (this.at === first.length) {
        this.queue.shift();
        this.at = 0;
      }
    }
    this.queued -= filled;
    this.played += filled;
    return filled;
  }

  gap(samples) {
    if (!this.inGap) this.gaps += 1;
    this.inGap = true;
    this.gapSamples += samples;
  }

  finish() {
    if (this.told) return;
    this.told = true;
    this.tell();
    this.port.postMessage({ finished: true });
  }

  tell() {
    this.sinceTold = 0;
    this.port.postMessage({
      buffered: this.queued / sampleRate, gaps: this.gaps, gapSeconds: this.gapSamples / sampleRate,
      played: this.played / sampleRate, silent: this.inGap || this.told,
    });
  }
}

registerProcessor("player", Player);
