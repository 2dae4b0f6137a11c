// A file that was fetched, given to the browser to save.

/** @param {{blob: Blob, name: string}} file */
export function save({ blob, name }) {
  const address = URL.createObjectURL(blob);
  const link = document.createElement("a");
  link.href = address;
  link.download = name;
  link.click();
  // Not at once: the browser may only then begin to read it.
  setTimeout(() => URL.revokeObjectURL(address), 60000);
}
