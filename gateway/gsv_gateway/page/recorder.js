// The microphone into samples, with its level as it goes.
export class Recorder {
  constructor(onLevel) {
    this.onLevel = onLevel;
  }

  async start() {
    const constraints = { channelCount: 1, echoCancellation: false, noiseSuppression: false, autoGainControl: false };
    this.stream = await navigator.mediaDevices.getUserMedia({ audio: constraints });
    this.context = new AudioContext();
    await this.context.audioWorklet.addModule("page/recorder-worklet.js");
    this.pieces = [];
    this.count = 0;
    const node = new AudioWorkletNode(this.context, "recorder", { numberOfOutputs: 0 });
    node.port.onmessage = ({ data }) => {
      this.pieces.push(data);
      this.count += data.length;
      let peak = 0;
      for (const sample of data) peak = Math.max(peak, Math.abs(sample));
      this.onLevel(peak, this.count / this.context.sampleRate);
    };
    this.context.createMediaStreamSource(this.stream).connect(node);
  }

  async stop() {
    for (const track of this.stream.getTracks()) track.stop();
    const { sampleRate } = this.context;
    await this.context.close();
    const samples = new Float32Array(this.count);
    let at = 0;
    for (const piece of this.pieces) {
      samples.set(piece, at);
      at += piece.length;
    }
    return { samples, sampleRate };
  }
}
