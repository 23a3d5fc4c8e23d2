// Sound as it arrives: 16-bit samples in, an AudioWorklet out, and an account of what a listener notices.
const PREBUFFER_S = 0.06;
const TOLD_EVERY_S = 0.05; // by the worklet

export class Player {
  constructor(onFigures) {
    this.onFigures = onFigures;
    this.captured = [];
    this.capture = location.hash === "#capture"; // for tests: keeps every sample that was played
  }

  async open() {
    if (!this.context) {
      this.context = new AudioContext({ latencyHint: "interactive", sampleRate: 32_000 });
      await this.context.audioWorklet.addModule("page/player-worklet.js");
      this.node = new AudioWorkletNode(this.context, "player", { outputChannelCount: [1] });
      this.analyser = new AnalyserNode(this.context, { fftSize: 2048 });
      this.node.connect(this.analyser).connect(this.context.destination);
      this.node.port.onmessage = ({ data }) => this.heard(data);
    }
    if (this.context.state !== "running") await this.context.resume();
    return this.context.sampleRate;
  }

  begin(clickedAt) {
    this.clickedAt = clickedAt;
    this.odd = new Uint8Array(0);
    this.pieces = [];
    this.figures = { firstAudio: null, buffered: 0, gaps: 0, gapSeconds: 0, played: 0 };
    this.toldAt = null;
    this.captured = [];
    this.node.port.postMessage({
      reset: true, prebuffer: Math.round(PREBUFFER_S * this.context.sampleRate), capture: this.capture,
    });
    this.finished = new Promise((resolve) => { this.finish = resolve; });
  }

  // Bytes of little-endian 16-bit samples; the network may cut one in two.
  push(bytes) {
    const whole = new Uint8Array(this.odd.length + bytes.length);
    whole.set(this.odd);
    whole.set(bytes, this.odd.length);
    const even = whole.length - (whole.length % 2);
    this.odd = whole.slice(even);
    const view = new DataView(whole.buffer, 0, even);
    const samples = new Float32Array(even / 2);
    for (let i = 0; i < samples.length; i += 1) samples[i] = view.getInt16(2 * i, true) / 32768;
    if (!samples.length) return;
    this.pieces.push(samples.slice());
    this.node.port.postMessage({ samples }, [samples.buffer]);
  }

  end() {
    this.node.port.postMessage({ end: true });
  }

  stop() {
    this.node?.port.postMessage({ reset: true });
    this.toldAt = null;
    this.finish?.("stopped");
  }

  // Seconds that have come.
  seconds() {
    return this.pieces.reduce((sum, piece) => sum + piece.length, 0) / this.context.sampleRate;
  }

  // The second that is heard now, below nought where nothing is: what the worklet has told and given since, less what is
  // still on its way to the ear.
  position() {
    if (!this.toldAt || this.figures.silent) return -1;
    const sinceS = Math.min((performance.now() - this.toldAt) / 1000, TOLD_EVERY_S);
    return Math.max(0, this.figures.played + sinceS - (this.context.outputLatency || 0));
  }

  samples() {
    const all = new Float32Array(this.pieces.reduce((sum, piece) => sum + piece.length, 0));
    let at = 0;
    for (const piece of this.pieces) {
      all.set(piece, at);
      at += piece.length;
    }
    return all;
  }

  heard(data) {
    if (data.first) this.figures.firstAudio = performance.now() - this.clickedAt;
    else if (data.finished) this.finish("done");
    else if (data.played instanceof Float32Array) this.captured.push(data.played);
    else {
      Object.assign(this.figures, data);
      this.toldAt = performance.now();
    }
    this.onFigures(this.figures);
  }
}
