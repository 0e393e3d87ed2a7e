/** A moment or a step in seconds, as Prometheus counts them. */
export type Seconds = number;

export type Series = {
  labels: Record<string, string>;
  /** At most one for each step. */
  points: { at: Seconds; value: number }[];
};

type Result = {
  metric: Record<string, string>;
  value?: [number, string];
  values?: [number, string][];
}[];

/** Asks a Prometheus by its HTTP API. All of it throws an Error with what Prometheus says is wrong. */
export class PrometheusClient {
  constructor(private readonly url: string) {}

  /** What an expression is at one moment. */
  async query(query: string, at: Seconds): Promise<Series[]> {
    const data = await this.#get('query', { query, time: at });
    return toSeries(data.result);
  }

  /** What an expression is at each step of a time. */
  async queryRange(
    query: string,
    range: { from: Seconds; to: Seconds; step: Seconds },
  ): Promise<Series[]> {
    const { from: start, to: end, step } = range;
    const data = await this.#get('query_range', { query, start, end, step });
    return toSeries(data.result);
  }

  /** The values of a label in the series that match. */
  async labelValues(
    label: string,
    match: string,
    range: { from: Seconds; to: Seconds },
  ): Promise<string[]> {
    const { from: start, to: end } = range;
    return this.#get(`label/${label}/values`, { 'match[]': match, start, end });
  }

  async #get(path: string, parameters: Record<string, string | number>) {
    const body = new URLSearchParams(
      Object.entries(parameters).map(([key, value]) => [key, String(value)]),
    );
    const response = await fetch(`${this.url}/api/v1/${path}?${body}`);
    const { status, error, data } = await response.json();
    if (status !== 'success') {
      throw new Error(`${error}, asked for ${parameters.query ?? path}`);
    }
    return data;
  }
}

function toSeries(result: Result): Series[] {
  return result.map(({ metric, value, values }) => ({
    labels: metric,
    points: (values ?? [value!])
      .map(([at, text]) => ({ at, value: Number(text) }))
      // A quantile of nothing, say.
      .filter(point => Number.isFinite(point.value)),
  }));
}
