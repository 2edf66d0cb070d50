/** Waiting that ends. */

export const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** A promise that fails with these words where the given one takes longer. An answer that comes later is dropped. */
export function within<T>(promise: Promise<T>, ms: number, words: string): Promise<T> {
  promise.catch(() => undefined);
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(words)), ms);
    promise.then(resolve, reject).finally(() => clearTimeout(timer));
  });
}
