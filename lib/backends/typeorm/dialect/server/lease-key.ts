/** One lease of one task as a text. Ids have no line breaks. */
export function keyOf({ id, lease }: { readonly id: string; readonly lease: number }): string {
  return `${lease}\n${id}`;
}
