/** Arguments of about 100 bytes, as an ordinary task has them. */
export const ARGS = [
  {
    to: 'ann@example.org',
    name: 'Ann Example',
    order: 12345,
    items: [1, 2, 3],
    note: 'please hurry',
  },
];
export const PAYLOAD = JSON.stringify(ARGS);
export const NAME = 'MailTasks.welcome';
