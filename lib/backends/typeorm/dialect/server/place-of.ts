/** Where a server and its database are, without user and password. */
export function placeOf(
  connection: Readonly<Record<string, unknown>>,
  defaultPort: number,
): string {
  if (typeof connection.url === 'string' && URL.canParse(connection.url)) {
    const { host, pathname } = new URL(connection.url);
    return `${host}${pathname}`;
  }
  const { host = 'localhost', port = defaultPort, database = '', socketPath } = connection;
  const server = socketPath === undefined ? `${String(host)}:${String(port)}` : String(socketPath);
  return `${server}/${String(database)}`;
}
