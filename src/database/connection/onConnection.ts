import { Knex } from 'knex';

/** A knex whose queries are sent on a connection that somebody has: asking the pool for another one, while having one, may wait for ever. */
export function onConnection(knex: Knex, connection: unknown): Knex {
  return new Proxy(knex, {
    apply: (target, self, args) =>
      Reflect.apply(target, self, args).connection(connection),
  });
}
