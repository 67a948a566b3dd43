/**
 * The same items. Each is asked for as soon as the one before is given out, so that what it waits for happens while
 * that one is used; an error is thrown where its item would come. Whoever stops early waits for the item underway.
 */
export async function* prefetched<Item>(items: AsyncIterable<Item>): AsyncGenerator<Item> {
  const iterator = items[Symbol.asyncIterator]();
  try {
    let coming = iterator.next();
    for (let item = await coming; item.done !== true; item = await coming) {
      coming = iterator.next();
      // It is thrown when it is waited for; until then it is no unhandled one.
      coming.catch(() => {});
      yield item.value;
    }
  } finally {
    await iterator.return?.();
  }
}
