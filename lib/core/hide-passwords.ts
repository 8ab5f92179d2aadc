/** The text without the passwords of the URLs in it. */
export function hidePasswords(text: string): string {
  return text
    .replaceAll(/(\w:\/\/[^\s:/@]*:)\S+@/g, '$1***@')
    .replaceAll(/([?&](?:password|pwd)=)[^&\s]+/gi, '$1***');
}
