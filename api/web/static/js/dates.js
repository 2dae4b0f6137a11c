// Days of a school. A day is a count since 1970-01-01 and never a moment, so no time zone
// can move it; only `moment` shows a point in time, in the reader's own zone.

const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
const WEEKDAYS = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];
const DAY = 86400000;

/**
 * @param {string|null|undefined} text `YYYY-MM-DD`
 * @returns {number|null} days since 1970-01-01
 */
export function day(text) {
  const found = /^(\d{4})-(\d{2})-(\d{2})$/.exec(text ?? "");
  if (!found) return null;
  return Math.round(Date.UTC(Number(found[1]), Number(found[2]) - 1, Number(found[3])) / DAY);
}

/** @param {number} count @returns {{year: number, month: number, date: number, weekday: number}} */
export function parts(count) {
  const at = new Date(count * DAY);
  return {
    year: at.getUTCFullYear(),
    month: at.getUTCMonth(),
    date: at.getUTCDate(),
    weekday: at.getUTCDay(),
  };
}

/** The reader's own today; a school's comes from the service. @returns {number} */
export function localToday() {
  const now = new Date();
  return Math.round(Date.UTC(now.getFullYear(), now.getMonth(), now.getDate()) / DAY);
}

// Within this many days a day and month can mean only one year.
const AHEAD = 300;
const BEHIND = 60;

/**
 * `13 Aug`, with the year when it could be mistaken.
 * @param {string|number|null|undefined} value @param {{weekday?: boolean}} [options]
 * @returns {string}
 */
export function short(value, options = {}) {
  const count = typeof value === "number" ? value : day(value);
  if (count === null) return "";
  const { year, month, date, weekday } = parts(count);
  const name = `${date} ${MONTHS[month]}`;
  const away = count - localToday();
  const whole = away <= AHEAD && away >= -BEHIND ? name : `${name} ${year}`;
  return options.weekday ? `${WEEKDAYS[weekday]} ${whole}` : whole;
}

/**
 * The service's own sentences name the year of every other year; ours only where it is needed.
 * @param {string} text @returns {string}
 */
export function withoutYears(text) {
  return text.replace(/\b(\d{1,2}) ([A-Z][a-z]{2}) (\d{4})\b/g, (whole, date, name, year) => {
    const month = MONTHS.indexOf(name);
    return month < 0 ? whole : short(Math.round(Date.UTC(year, month, date) / DAY));
  });
}

/**
 * `8 Jan – 12 Jan`, or one day.
 * @param {string|null} from @param {string|null} to @returns {string}
 */
export function range(from, to) {
  return from === to ? short(to) : `${short(from)} – ${short(to)}`;
}

/** `Aug`, or `Jan 2027` where a year begins. @param {number} count @returns {string} */
export function monthName(count) {
  const { month, year } = parts(count);
  return month === 0 ? `${MONTHS[month]} ${year}` : MONTHS[month];
}

/** @param {number} count @param {string} one @param {string} [many] @returns {string} */
export function plural(count, one, many = `${one}s`) {
  return `${count.toLocaleString("en")} ${count === 1 ? one : many}`;
}

/**
 * How a day lies to first bell, in words anyone can check on a wall calendar.
 * @param {string|null} readyOn @param {string|null} firstBell @param {number|null} float working days
 * @returns {string}
 */
export function against(readyOn, firstBell, float) {
  const ready = day(readyOn);
  const bell = day(firstBell);
  if (ready === null || bell === null) return "";
  if (ready === bell) return "on the day of first bell";
  if (ready > bell) return `${plural(ready - bell, "day")} after first bell`;
  if (float === null || float < 0) return `${plural(bell - ready, "day")} before first bell`;
  return float === 0 ? "no day to spare" : `${plural(float, "working day")} to spare`;
}

/** A moment in the reader's zone. @param {string|null|undefined} text @returns {string} */
export function moment(text) {
  const at = new Date(text ?? "");
  if (Number.isNaN(at.getTime())) return "";
  const time = `${String(at.getHours()).padStart(2, "0")}:${String(at.getMinutes()).padStart(2, "0")}`;
  return `${at.getDate()} ${MONTHS[at.getMonth()]} ${at.getFullYear()}, ${time}`;
}
