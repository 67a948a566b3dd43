/** A number and the unit that it was written with: "" for none, `%`, a currency, `kg`, … or {@link dateUnit}. */
export interface Quantity {
  readonly value: number;
  readonly unit: string;
}

/** The unit of dates, which are numbers of days since 1970-01-01 (UTC). */
export const dateUnit = "date";

// One way to match each text: a long cell must not be tried in quadratic time.
const numeric = /^[+-]?(\d+(\.\d*)?|\.\d+)(e[+-]?\d+)?$/i;
const nonFinite = /^[+-]?(inf|infinity|nan)$/i;
const withComma = /^[+-]?\d[\d.]*,[\d,]*\d(\.\d+)?$/;
/** Thousands apart by spaces of any kind, apostrophes or underscores. */
const withGaps = /^[+-]?\d{1,3}([\s'’_]\d{3})+(\.\d+)?$/;
/** A number, then a unit of at most so many signs, none of which a number or a list has. */
const withSuffix = /^([+-]?[\d.,]*\d[.]?)\s?([^\d\s.,;:+-][^\d\s.,;:+-]{0,11}[²³23]?)$/;
const withSign = /^([+-]?)(\p{Sc}|[A-Z]{1,3}\p{Sc})\s?([+-]?[\d.,]*\d[.]?)$/u;
const withCode = /^([A-Z]{3})\s?([+-]?[\d.,]*\d[.]?)$/;
/** Thousands apart, in groups of three: only with a unit in front can it be meant as a number. */
const grouped = /^[+-]?\d{1,3}(,\d{3})+(\.\d+)?$/;
const date = /^(\d{4})-(\d\d)-(\d\d)(?:[T ](\d\d):(\d\d)(?::(\d\d)(?:[.,](\d{1,9}))?)?\s?(Z|[+-]\d\d:?\d\d)?)?$/;
const otherDate = /^(\d{1,2}[./-]\d{1,2}[./-](\d{2}|\d{4})|\d{4}[./]\d{1,2}[./]\d{1,2})$/;

/** Units of several signs, in lower case. Other endings that differ within a column (`1st`, `2nd`) are texts. */
const longUnits = new Set(
  (
    "% ‰ kg mg µg lb lbs oz cm mm km µm nm in ft yd mi m2 m² km² cm² ft² sqft m³ ml cl dl gal sec ms µs min hr hrs day " +
    "days wk yr yrs year years °c °f hz khz mhz ghz mv ma kw mw kwh wh kj cal kcal pa hpa kpa bar psi mb gb kb tb km/h " +
    "mph kmh m/s px pt usd eur gbp jpy chf cny inr cad aud sek nok dkk brl krw mxn"
  ).split(" "),
);
/** Units of one letter, as they are written. */
const letterUnits = new Set("g t m l s h d y V A W J K C F".split(" "));

/** Whether a unit is one that people measure or pay in. */
export function isKnownUnit(unit: string): boolean {
  return unit === dateUnit || isCurrency(unit) || letterUnits.has(unit) || longUnits.has(unit.toLowerCase());
}

/** Whether a unit cannot be taken for the number of a row of seats: it is a sign or has several letters. */
export function isPlainUnit(unit: string): boolean {
  return isKnownUnit(unit) && !letterUnits.has(unit);
}

function isCurrency(unit: string): boolean {
  return /\p{Sc}$/u.test(unit) || (/^[A-Z]{3}$/.test(unit) && longUnits.has(unit.toLowerCase()));
}

/**
 * Whether a text is a number whose decimals or thousands stand behind a comma, which can be read in two ways, or whose
 * thousands stand apart, as those of a telephone number may.
 */
export function hasGroups(text: string): boolean {
  const number = numberPart(plain(text));
  return withComma.test(number) || withGaps.test(number);
}

/** Without spaces around it, with hyphens for minus signs. */
export function plain(text: string): string {
  return text.trim().replaceAll("−", "-");
}

/** Whether a text is a date whose day and month cannot be told apart, or not surely. */
export function isOtherDate(text: string): boolean {
  return otherDate.test(text.trim());
}

/**
 * The number that a cell writes, or null if it is none; `inf`, `NaN` and numbers beyond float64 are numbers that are
 * not finite.
 */
export function quantityOf(cell: string): Quantity | null {
  const text = plain(cell);
  if (numeric.test(text)) return { value: Number(text), unit: "" };
  if (nonFinite.test(text)) return { value: Number.NaN, unit: "" };
  const days = daysOf(text);
  if (days !== null) return { value: days, unit: dateUnit };
  const { number, unit } = split(text);
  if (unit === "") return null;
  if (numeric.test(number)) return { value: Number(number), unit };
  return grouped.test(number) && isCurrency(unit) ? { value: Number(number.replaceAll(",", "")), unit } : null;
}

function numberPart(text: string): string {
  const { number, unit } = split(text);
  return unit === "" ? text : isCurrency(unit) && grouped.test(number) ? "" : number;
}

/** `$-5` and `-$5` as −5 in $. */
function split(text: string): { number: string; unit: string } {
  if (text.length > 64) return { number: text, unit: "" };
  const sign = withSign.exec(text);
  if (sign !== null && !(sign[1] !== "" && /^[+-]/.test(sign[3]))) return { number: sign[1] + sign[3], unit: sign[2] };
  const code = withCode.exec(text);
  if (code !== null && isCurrency(code[1])) return { number: code[2], unit: code[1] };
  const suffix = withSuffix.exec(text);
  return suffix === null ? { number: text, unit: "" } : { number: suffix[1], unit: suffix[2] };
}

/** Days since 1970-01-01 of an ISO 8601 date, with or without a time; one without a zone is taken as UTC. */
function daysOf(text: string): number | null {
  const match = date.exec(text);
  if (match === null) return null;
  const [year, month, day, hour, minute, second] = match.slice(1, 7).map((part) => Number(part ?? 0));
  const midnight = Date.UTC(year, month - 1, day);
  const read = new Date(midnight);
  if (year < 100 || read.getUTCMonth() !== month - 1 || read.getUTCDate() !== day) return null;
  if (hour > 24 || minute > 59 || second > 60) return null;
  const seconds = 3600 * hour + 60 * minute + second + Number(`0.${match[7] ?? 0}`) - 60 * offsetOf(match[8]);
  return midnight / 86_400_000 + seconds / 86_400;
}

/** Minutes east of UTC. */
function offsetOf(zone = "Z"): number {
  if (zone === "Z") return 0;
  const digits = zone.replace(":", "");
  return (digits.startsWith("-") ? -1 : 1) * (60 * Number(digits.slice(1, 3)) + Number(digits.slice(3, 5)));
}
