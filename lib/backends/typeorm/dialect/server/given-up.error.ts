/** A statement has taken too long. Whether the server has done it, or will, is not known. */
export class GivenUpError extends Error {
  readonly code = 'ETIMEDOUT';

  constructor(timeout: number) {
    super(`the server has not answered for ${timeout} ms`);
  }
}

/** The reply, unless it takes longer than so many ms. */
export function orGiveUp<T>(timeout: number, reply: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new GivenUpError(timeout)), timeout).unref();
    reply.then(
      (answer) => (clearTimeout(timer), resolve(answer)),
      (error) => (clearTimeout(timer), reject(error as Error)),
    );
  });
}
