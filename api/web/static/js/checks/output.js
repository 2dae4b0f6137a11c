// What was typed or pasted about a measurement, as the service takes it.

/**
 * @param {Record<string, string>} values of the form @param {string[]} asked names of evidence
 * @returns {Record<string, unknown>}
 */
export function measurementIn(values, asked) {
  /** @type {Record<string, unknown>} */
  const evidence = {};
  for (const name of asked) {
    const given = values[`evidence.${name}`];
    if (given) evidence[name] = given;
  }
  if (values.note) evidence.note = values.note;
  return {
    ...(values.value ? { value: values.value } : {}),
    ...(values.output ? programIn(values.output) : {}),
    ...(values.measured_at ? { measured_at: new Date(values.measured_at).toISOString() } : {}),
    evidence,
  };
}

/**
 * `iperf3 -J` writes one object; an ndt7 client one message a line, or a list of them. What is
 * neither is sent as it is, for the service to say what is wrong.
 * @param {string} text @returns {Record<string, unknown>}
 */
export function programIn(text) {
  const whole = parsed(text);
  if (Array.isArray(whole)) return { ndt7: whole };
  if (whole !== undefined) return isMessage(whole) ? { ndt7: [whole] } : { iperf3: whole };
  const lines = text.split("\n").filter((line) => line.trim());
  return { ndt7: lines.map((line) => parsed(line) ?? line) };
}

/** @param {string} text @returns {any} undefined where it is no JSON */
function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** @param {any} one */
function isMessage(one) {
  return typeof one === "object" && one !== null && ("Test" in one || "Key" in one);
}
