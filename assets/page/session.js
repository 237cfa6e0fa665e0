// A session of this tab with one schema: its tokens, their renewal, and the socket that is open with them.

const TOKENS = "tokens { accessToken refreshToken expiresInSeconds } errors { ... on UserError { message } }";
const LOGIN = `mutation ($input: LoginInput!) { login(input: $input) { ${TOKENS} } }`;
const REFRESH = `mutation ($input: RefreshTokenInput!) { refreshToken(input: $input) { ${TOKENS} } }`;

/** A reason to tell people, in words. */
export class Problem extends Error {}

/** Sends an operation, and answers the status and the body. */
export async function post(path, body, headers = {}) {
  let answer;
  try {
    answer = await fetch(path, {
      method: "POST",
      headers: { "content-type": "application/json", accept: "application/graphql-response+json, application/json", ...headers },
      body: JSON.stringify(body),
    });
  } catch {
    throw new Problem("The server does not answer.");
  }
  const json = await answer.json().catch(() => null);
  if (!json) throw new Problem(`The server answered ${answer.status} and no JSON.`);
  return { status: answer.status, json };
}

const bearer = (token) => (token ? { authorization: `Bearer ${token}` } : {});
const hasAuthorization = (headers) => Object.keys(headers).some((name) => name.toLowerCase() === "authorization");
const isUnauthenticated = ({ status, json }) =>
  status === 401 || json.errors?.some((error) => error.extensions?.code === "UNAUTHENTICATED");

export class Session {
  #path;
  #changed;
  #client = null;
  #socket = null;
  #timer = null;
  #renewing = null;

  /** `changed` is called when the session begins, is renewed or ends. */
  constructor(path, changed) {
    this.#path = path;
    this.#changed = changed;
    this.#plan();
  }

  /** The tokens, which live as long as this tab. */
  get #tokens() {
    return JSON.parse(sessionStorage.getItem(`session ${this.#path}`));
  }

  set #tokens(tokens) {
    if (tokens) sessionStorage.setItem(`session ${this.#path}`, JSON.stringify(tokens));
    else sessionStorage.removeItem(`session ${this.#path}`);
  }

  get isSignedIn() {
    return this.#tokens !== null;
  }

  async signIn(email, password) {
    const { json } = await post(this.#path, { query: LOGIN, variables: { input: { email, password } } });
    const tokens = json.data?.login?.tokens;
    if (!tokens) throw new Problem(json.data?.login?.errors?.[0]?.message ?? json.errors?.[0]?.message ?? "Signing in failed.");
    // What runs on behalf of nobody ends.
    this.close();
    this.#keep(tokens);
    this.#changed();
  }

  signOut() {
    const token = this.#tokens?.access;
    this.#end();
    if (token) post(this.#path, { query: "mutation { logout { done } }" }, bearer(token)).catch(() => {});
  }

  /** Sends an operation on behalf of who is signed in. A token that the server holds for expired is renewed. */
  async ask(body, headers = {}) {
    if (hasAuthorization(headers)) return (await post(this.#path, body, headers)).json;
    const token = await this.#token();
    const answer = await post(this.#path, body, { ...headers, ...bearer(token) });
    if (!token || !isUnauthenticated(answer)) return answer.json;
    const renewed = await this.#renew(token);
    if (!renewed) return answer.json;
    return (await post(this.#path, body, { ...headers, ...bearer(renewed) })).json;
  }

  /** The results of a subscription. It is sent again after a lost connection, with a fresh token. */
  subscribe(operation, headers = {}) {
    if (!window.graphqlWs) throw new Problem("graphql-ws is not part of this build; run script/bootstrap and build again.");
    const own = hasAuthorization(headers) ? this.#connect(async () => headers, true) : null;
    this.#client ??= own ? null : this.#connect(async () => bearer(await this.#token()), false);
    return inWords((own ?? this.#client).iterate(operation));
  }

  /** Ends the subscriptions. */
  close() {
    this.#client?.dispose();
    this.#client = null;
    this.#socket = null;
  }

  #connect(connectionParams, isOwn) {
    const url = new URL(this.#path, location.href);
    url.protocol = url.protocol.replace("http", "ws");
    return graphqlWs.createClient({
      url: url.href,
      connectionParams,
      retryAttempts: isOwn ? 0 : 20,
      shouldRetry: () => true,
      on: {
        connected: (socket) => { if (!isOwn) this.#socket = socket; },
        closed: (event) => {
          if (isOwn) return;
          this.#socket = null;
          // Its token is no good: the next one must be another.
          if (event.code === 4403) this.#expire();
        },
      },
    });
  }

  #keep(tokens) {
    const life = tokens.expiresInSeconds * 1000;
    // Renewed a minute before the end, or in the last third of a short life.
    const renewAt = Date.now() + life - Math.min(60_000, life / 3);
    this.#tokens = { access: tokens.accessToken, refresh: tokens.refreshToken, renewAt };
    this.#plan();
  }

  /** Renews the token when it is time, so that what runs on a socket goes on. */
  #plan() {
    clearTimeout(this.#timer);
    const tokens = this.#tokens;
    if (!tokens) return;
    const wait = Math.max(0, tokens.renewAt - Date.now());
    this.#timer = setTimeout(() => this.#renew(tokens.access).catch(() => {}), wait);
  }

  #expire() {
    const tokens = this.#tokens;
    if (tokens) this.#tokens = { ...tokens, renewAt: 0 };
  }

  /** A token that is good, or null for nobody. */
  async #token() {
    const tokens = this.#tokens;
    if (!tokens) return null;
    return Date.now() < tokens.renewAt ? tokens.access : this.#renew(tokens.access);
  }

  /** Buys the next pair of tokens, unless that was done since `old`. A refresh token is good once, so all who wait
   *  share one purchase. Answers null when the session has ended. */
  #renew(old) {
    this.#renewing ??= this.#buy(old).finally(() => { this.#renewing = null; });
    return this.#renewing;
  }

  async #buy(old) {
    const before = this.#tokens;
    if (!before) return null;
    if (before.access !== old) return before.access;
    const { json } = await post(this.#path, { query: REFRESH, variables: { input: { refreshToken: before.refresh } } });
    if (this.#tokens?.access !== before.access) return this.#tokens?.access ?? null;
    const tokens = json.data?.refreshToken?.tokens;
    if (!tokens) {
      // An error around the data is the server's trouble and not the end of the session.
      if (!json.data?.refreshToken?.errors?.length) throw new Problem(json.errors?.[0]?.message ?? "The session could not be renewed.");
      this.#end("Your session has ended; sign in again.");
      return null;
    }
    this.#keep(tokens);
    if (this.#socket?.readyState === WebSocket.OPEN) {
      this.#socket.send(JSON.stringify({ type: "ping", payload: bearer(tokens.accessToken) }));
    }
    this.#changed();
    return tokens.accessToken;
  }

  #end(reason) {
    this.#tokens = null;
    clearTimeout(this.#timer);
    this.close();
    this.#changed(reason);
  }
}

/** The same results; what ends them badly is said in words. */
async function* inWords(results) {
  try {
    yield* results;
  } catch (problem) {
    // GraphQL errors, a close frame, or an error of the client.
    if (Array.isArray(problem)) yield { errors: problem };
    else throw new Problem(problem?.reason || problem?.message || "The connection is lost.");
  }
}
