/** A statement that the server would not take. It was not sent. */
export class OversizeError extends RangeError {
  readonly code = 'SITQ_OVERSIZE';

  constructor(packet: number) {
    super(
      `a task, result or report makes a statement of more than ${packet} bytes, which is ` +
        `max_allowed_packet of the server. Raise that, or store less and refer to it`,
    );
  }
}
