/** Asks a backend for something below `/api`, and takes any answer. */
export async function request(
  url: string,
  options: { path: string; token?: string; body?: object },
): Promise<{ status: number; text: string }> {
  const { path, token, body } = options;
  const response = await fetch(`${url}/api/${path}`, {
    method: body ? 'POST' : 'GET',
    headers: {
      ...(token && { authorization: `Bearer ${token}` }),
      ...(body && { 'content-type': 'application/json' }),
    },
    body: body && JSON.stringify(body),
  });
  return { status: response.status, text: await response.text() };
}
