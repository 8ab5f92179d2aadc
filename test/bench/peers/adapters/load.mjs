/** The adapter of this name: what its file exports. */
export async function loadAdapter(name) {
  const file = await import(`./${name}.mjs`);
  const key = name.replaceAll(/-(.)/g, (_, letter) => letter.toUpperCase());
  return file[key];
}
