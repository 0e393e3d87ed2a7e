import { JsonObject, JsonValue } from '@backstage/types';

/** A server that a process has, which ends with its parent. */
type Served<Order> = {
  /** What the parent gets to know of it. */
  told: JsonObject;
  /** Does what the parent asks for. */
  carryOut(order: Order): Promise<JsonValue>;
  stop(): Promise<void>;
};

/** What the process of a `ServerProcess` runs. */
export async function serve<Options, Order>(
  start: (options: Options) => Promise<Served<Order>>,
): Promise<void> {
  const { told, carryOut, stop } = await start(JSON.parse(process.argv[2]));
  process.on('message', async (order: Order) => {
    process.send!({ answer: await carryOut(order) });
  });
  process.on('disconnect', async () => {
    await stop();
    process.exit();
  });
  process.send!({ answer: told });
}
