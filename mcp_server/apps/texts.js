/* How what comes from outside is written: names made visible, sizes and dates in the reader's way, kinds of files. */

const LONGEST = 1024;
const UNSEEN = /(?! )[\p{C}\p{Z}\p{Default_Ignorable_Code_Point}]/gu;
const RIGHT_TO_LEFT = /[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc\u{10800}-\u{10fff}\u{1e800}-\u{1efff}]/u;

let locale;
let timeZone;

/** The text with every character that cannot be seen as its code point, and no longer than anyone reads. */
function seen(text) {
  const whole = String(text);
  const cut = whole.length > LONGEST ? `${whole.slice(0, LONGEST)}…` : whole;
  return cut.replace(UNSEEN, (char) => `\\u{${char.codePointAt(0).toString(16)}}`);
}

/** Whether Intl takes the setting; a host may say anything. */
function taken(make) {
  try {
    make();
    return true;
  } catch {
    return false;
  }
}

function speakAs(context) {
  if (taken(() => new Intl.NumberFormat(context.locale))) locale = context.locale;
  if (taken(() => new Intl.DateTimeFormat("en", { timeZone: context.timeZone }))) timeZone = context.timeZone;
}

const number = (value) => new Intl.NumberFormat(locale).format(value);
const counted = (count, noun) => `${number(count)} ${noun}${count === 1 ? "" : "s"}`;

function bytes(count) {
  if (!Number.isFinite(count)) return "";
  const units = ["byte", "kilobyte", "megabyte", "gigabyte", "terabyte", "petabyte"];
  const step = Math.min(count < 1000 ? 0 : Math.floor(Math.log10(count) / 3), units.length - 1);
  const value = count / 1000 ** step;
  const style = { style: "unit", unit: units[step], maximumFractionDigits: value < 10 && step ? 1 : 0 };
  return new Intl.NumberFormat(locale, { ...style, unitDisplay: step ? "short" : "long" }).format(value);
}

function day(text, style = { dateStyle: "medium" }) {
  const date = new Date(/^\d{4}-\d\d-\d\dT/.test(text) ? text : Number.NaN);
  return Number.isNaN(date.getTime()) ? "" : new Intl.DateTimeFormat(locale, { ...style, timeZone }).format(date);
}

const moment = (text) => day(text, { dateStyle: "long", timeStyle: "medium" });

const ENDINGS = {
  video: "mp4 mov m4v mkv webm avi mxf mpg mpeg mts m2ts ts wmv 3gp ogv vob r3d braw",
  image: "jpg jpeg png gif webp heic heif tif tiff bmp svg psd exr dpx dng cr2 cr3 nef arw raw avif",
  audio: "wav mp3 aac m4a flac ogg oga opus aif aiff wma mid",
  text: "txt srt vtt ass json jsonl xml yaml yml csv tsv md html pdf doc docx rtf log edl aaf otio",
  archive: "zip tar gz tgz bz2 xz zst 7z rar iso",
};
const KIND_BY_ENDING = new Map(
  Object.entries(ENDINGS).flatMap(([kind, endings]) => endings.split(" ").map((ending) => [ending, kind])),
);

/** video, image, audio, text, archive or other: by the end of the name, else by the content type. */
function kindOf(path, contentType = "") {
  const named = KIND_BY_ENDING.get(/\.([^./]+)$/.exec(path)?.[1].toLowerCase());
  const typed = /^(video|image|audio|text)\//.exec(contentType)?.[1];
  return named ?? typed ?? "other";
}
