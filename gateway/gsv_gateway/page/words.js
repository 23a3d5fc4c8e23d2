// Every word that the page shows, in its languages; the elements name theirs by data-word.
export const WORDS = {
  en: {
    dark: "Dark", light: "Light", key: "API key", useKey: "Use it", speakTitle: "Speak", text: "Text", voice: "Voice",
    language: "Language", speed: "Speed", seed: "Seed", sampling: "Sampling", temperature: "Temperature",
    penalty: "Repetition penalty", pause: "Pause, s", speak: "Speak", stop: "Stop", live: "Speak while I type",
    device: "Make the sound in this browser", madeHere: "Work here", fetching: "Fetching the vocoder: {percent} % of {mb} MB",
    keys: "Ctrl+Enter speaks, Esc stops.", firstAudio: "First audio", firstByte: "First byte", buffered: "Buffer",
    underruns: "Underruns", seams: "Pieces", spoken: "Spoken", wave: "Waveform of what is heard",
    cloneTitle: "Clone a voice", cloneHint: "3 to 10 seconds of one speaker, without music.", record: "Record",
    stopRecording: "Stop recording", choose: "Choose a file", orDrop: "or drop one here", level: "Level", name: "Name",
    transcript: "What is said in the clip", clone: "Clone", deleteVoice: "Delete the chosen voice",
    compareTitle: "Compare two voices", voiceA: "Voice A", voiceB: "Voice B", compare: "Speak the text with both",
    historyTitle: "History", historyEmpty: "What you hear is listed here.", speaking: "Speaking …", done: "Done.",
    stopped: "Stopped.", play: "Play", tooShort: "Too short: {s} s; 3 to 10 s are needed.",
    tooLong: "Too long: {s} s; 3 to 10 s are needed.", clipped: "Clipped: {n} samples are at full scale; record lower.",
    noisy: "Noisy: speech is only {db} dB above the background.", quiet: "Too quiet: its peak is {db} dB.",
    good: "This clip will do: {s} s.", unreadable: "This file cannot be read as audio.", noMicrophone: "No microphone: {why}",
    cloned: "{name} is cloned.", deleted: "{name} is deleted.", cloning: "Cloning …", noVoice: "No voice yet: clone one below.",
    compared: "Both are ready.", wantKey: "This server wants an API key.", interrupted: "Interrupted.",
    said: "What is said", swallowed: "(left out?)", repeated: "(said twice?)",
    faulty: "These words may be missing or said twice: {words}.", anySeed: "random",
    sureToDelete: "Delete the voice {name}? It cannot be brought back.",
    in_auto: "Automatic", in_zh: "Mandarin", in_en: "English", in_ja: "Japanese", in_ko: "Korean", in_yue: "Cantonese",
    in_auto_yue: "Automatic, Cantonese", in_all_zh: "Mandarin throughout", in_all_ja: "Japanese throughout",
    in_all_ko: "Korean throughout", in_all_yue: "Cantonese throughout",
  },
  zh: {
    dark: "深色", light: "浅色", key: "API 密钥", useKey: "使用", speakTitle: "朗读", text: "文本", voice: "音色",
    language: "语言", speed: "语速", seed: "随机种子", sampling: "采样", temperature: "温度", penalty: "重复惩罚",
    pause: "停顿（秒）", speak: "朗读", stop: "停止", live: "边输入边朗读", keys: "Ctrl+Enter 朗读，Esc 停止。",
    device: "在此浏览器中合成声音", madeHere: "本机耗时", fetching: "正在下载声码器：{mb} MB 的 {percent} %",
    firstAudio: "首个音频", firstByte: "首个字节", buffered: "缓冲", underruns: "断流", seams: "分段", spoken: "已朗读",
    wave: "正在播放的波形", cloneTitle: "克隆音色", cloneHint: "同一位说话人 3 到 10 秒的录音，不含音乐。", record: "录音",
    stopRecording: "停止录音", choose: "选择文件", orDrop: "或拖放到这里", level: "音量", name: "名称",
    transcript: "录音中的文字", clone: "克隆", deleteVoice: "删除所选音色", compareTitle: "对比两个音色",
    voiceA: "音色 A", voiceB: "音色 B", compare: "用两个音色朗读", historyTitle: "历史",
    historyEmpty: "听过的内容会列在这里。", speaking: "正在朗读…", done: "完成。", stopped: "已停止。", play: "播放",
    tooShort: "太短：{s} 秒；需要 3 到 10 秒。", tooLong: "太长：{s} 秒；需要 3 到 10 秒。",
    clipped: "削波：{n} 个采样达到满幅；请降低录音音量。", noisy: "噪声大：语音只比背景高 {db} dB。",
    quiet: "音量太低：峰值为 {db} dB。", good: "这段录音可用：{s} 秒。", unreadable: "无法读取这个音频文件。",
    noMicrophone: "没有麦克风：{why}", cloned: "已克隆 {name}。", deleted: "已删除 {name}。", cloning: "正在克隆…",
    noVoice: "还没有音色：请在下面克隆一个。", compared: "两段都已就绪。", wantKey: "此服务器需要 API 密钥。", interrupted: "已打断。",
    said: "正在朗读的文本", swallowed: "（漏读？）", repeated: "（重读？）", faulty: "这些词可能漏读或重读：{words}。",
    anySeed: "随机", sureToDelete: "删除音色 {name}？删除后无法恢复。",
    in_auto: "自动", in_zh: "普通话", in_en: "英语", in_ja: "日语", in_ko: "韩语", in_yue: "粤语", in_auto_yue: "自动（粤语）",
    in_all_zh: "全部普通话", in_all_ja: "全部日语", in_all_ko: "全部韩语", in_all_yue: "全部粤语",
  },
};

let shown = "en";

export function word(name, values = {}) {
  return WORDS[shown][name].replace(/\{(\w+)\}/g, (_, key) => values[key]);
}

export function language() {
  return shown;
}

export function show(name) {
  shown = name;
  document.documentElement.lang = name;
  for (const element of document.querySelectorAll("[data-word]")) element.textContent = word(element.dataset.word);
  for (const element of document.querySelectorAll("[data-word-label]")) {
    element.setAttribute("aria-label", word(element.dataset.wordLabel));
  }
  for (const element of document.querySelectorAll("[data-word-within]")) element.placeholder = word(element.dataset.wordWithin);
}
