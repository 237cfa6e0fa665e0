// Sends random queries, right and wrong, to a server and compares its answers with graphql-js, on the server's own
// schema: `node differential.mjs URL TOKEN SEED DOCUMENTS`.
//
// What is compared:
// - whether a request is refused: by graphql-js when the document does not parse or validate, or the variables cannot be
//   coerced; by the server when its answer has no `data`;
// - what an answer looks like: graphql-js executes the same document with the server's answer as its only source, which
//   gives the same data again if, and only if, each object has the right keys in the right order and no null stands where
//   none may be.
import {
  GraphQLBoolean, GraphQLNonNull, Kind, buildClientSchema, execute, getIntrospectionQuery, getNamedType, getNullableType,
  getOperationAST, isAbstractType, isCompositeType, isEnumType, isInputObjectType, isLeafType, isListType, isNonNullType,
  isRequiredArgument, isRequiredInputField, parse, print, validate, visit,
} from 'graphql';
import { getVariableValues } from 'graphql/execution/values.js';

const [url, token, seed, documents] = process.argv.slice(2);
if (!documents) {
  console.error('usage: node differential.mjs URL TOKEN SEED DOCUMENTS');
  process.exit(2);
}

/** A random source that gives the same numbers for the same seed (xorshift32). */
class Random {
  constructor(seed) {
    this.state = (seed * 2654435769) >>> 0 || 1;
    for (let i = 0; i < 8; i++) this.below(2);
  }
  below(n) {
    this.state ^= this.state << 13;
    this.state >>>= 0;
    this.state ^= this.state >>> 17;
    this.state ^= this.state << 5;
    this.state >>>= 0;
    return this.state % n;
  }
  chance(percent) {
    return this.below(100) < percent;
  }
  pick(list) {
    return list[this.below(list.length)];
  }
}

async function send(query, variables, operationName) {
  const response = await fetch(url, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      accept: 'application/graphql-response+json',
      ...(token && { authorization: `Bearer ${token}` }),
    },
    body: JSON.stringify({ query, variables, operationName }),
  });
  return { status: response.status, body: await response.json() };
}

/** Writes valid queries. */
class Writer {
  constructor(schema, random, ids) {
    Object.assign(this, { schema, random, ids });
  }

  request() {
    Object.assign(this, { fragments: [], variables: new Map(), fields: 25, names: 0 });
    const operations = this.random.chance(15) ? ['First', 'Second'] : [this.random.chance(50) ? 'Only' : ''];
    const bodies = operations.map((name) => {
      const before = new Map(this.variables);
      this.variables = new Map();
      // Operations do not share variables, so they share no fragments either.
      const own = this.fragments.length;
      const body = this.selections(this.schema.getQueryType(), 0);
      const text = this.operation(name, body);
      const variables = this.variables;
      this.variables = new Map([...before, ...variables]);
      this.closed = own;
      return { name, text, variables };
    });
    const chosen = this.random.pick(bodies);
    const values = {};
    for (const [name, variable] of chosen.variables) if (variable.value !== undefined) values[name] = variable.value;
    if (this.random.chance(5)) values.unknown = 1;
    const texts = [...bodies.map((body) => body.text), ...this.fragments.map((fragment) => fragment.text)];
    return { query: texts.join('\n'), variables: values, operationName: bodies.length > 1 ? chosen.name : undefined };
  }

  operation(name, body) {
    const declared = [...this.variables].map(([name, { type, initial }]) => `$${name}: ${type}${initial === undefined ? '' : ` = ${initial}`}`);
    const head = declared.length ? `query ${name}(${declared.join(', ')}) ` : name ? `query ${name} ` : this.random.chance(50) ? 'query ' : '';
    return `${head}${body}`;
  }

  selections(type, depth) {
    const parts = [];
    // Without its name nobody could tell which object it is.
    if (isAbstractType(type)) parts.push('__typename');
    const fields = type.getFields ? Object.values(type.getFields()) : [];
    const usable = fields.filter((field) => depth < 4 || isLeafType(getNamedType(field.type)));
    for (let i = 1 + this.random.below(4); i > 0 && this.fields > 0; i--) {
      const roll = this.random.below(100);
      if (roll < 8) parts.push(`__typename${this.directives(20)}`);
      else if (roll < 20 && depth < 4) parts.push(this.inline(type, depth));
      else if (roll < 30 && depth < 4) parts.push(this.spread(type, depth));
      else if (usable.length) parts.push(this.field(this.random.pick(usable), depth));
    }
    // The same key twice, which must be merged.
    if (parts.length && this.random.chance(15)) parts.push(this.random.pick(parts));
    return `{ ${parts.length ? parts.join(' ') : '__typename'} }`;
  }

  field(field, depth) {
    this.fields--;
    const given = field.args.filter((arg) => isRequiredArgument(arg) || this.random.chance(arg.name === 'first' ? 60 : 15));
    // One direction of paging at a time.
    const args = given.filter((arg) => !['last', 'before', 'after'].includes(arg.name) || isRequiredArgument(arg));
    const values = args.map((arg) => `${arg.name}: ${this.value(arg.type, arg.name, arg.defaultValue !== undefined)}`);
    // A name of its own, since arguments differ from one place to the next.
    const alias = values.length || this.random.chance(10) ? `k${this.names++}: ` : '';
    const below = isCompositeType(getNamedType(field.type)) ? ` ${this.selections(getNamedType(field.type), depth + 1)}` : '';
    const list = values.length ? `(${values.join(', ')})` : '';
    return `${alias}${field.name}${list}${this.directives(12)}${below}`;
  }

  /** A type whose objects may stand in the place of `type`. */
  overlapping(type) {
    const possible = isAbstractType(type) ? this.schema.getPossibleTypes(type) : [type];
    const object = this.random.pick(possible);
    const all = Object.values(this.schema.getTypeMap());
    const around = all.filter((other) => isAbstractType(other) && this.schema.isSubType(other, object));
    return this.random.pick([type, object, ...around]);
  }

  inline(type, depth) {
    const on = this.random.chance(25) ? type : this.overlapping(type);
    const condition = on === type && this.random.chance(50) ? '' : ` on ${on.name}`;
    return `...${condition}${this.directives(20)} ${this.selections(on, depth + 1)}`;
  }

  spread(type, depth) {
    const on = this.overlapping(type);
    const name = `F${this.names++}`;
    const body = this.selections(on, depth + 1);
    this.fragments.push({ name, text: `fragment ${name} on ${on.name} ${body}` });
    const use = () => `...${name}${this.directives(20)}`;
    return this.random.chance(20) ? `${use()} ${use()}` : use();
  }

  directives(percent) {
    if (!this.random.chance(percent)) return '';
    const condition = this.random.chance(50) ? this.random.pick(['true', 'false']) : this.variable(new GraphQLNonNull(GraphQLBoolean), 'if', false);
    return ` @${this.random.pick(['skip', 'include'])}(if: ${condition})`;
  }

  variable(type, hint, hasDefault) {
    const name = `v${this.names++}`;
    const bare = getNullableType(type);
    const json = () => this.json(bare, hint);
    const roll = this.random.below(4);
    let declared = type, initial, value;
    if (roll === 0) declared = bare, initial = this.literal(bare, hint);
    else if (roll === 1) declared = new GraphQLNonNull(bare);
    else if (roll === 2 && (hasDefault || !isNonNullType(type))) declared = bare;
    const mayMiss = initial !== undefined || !isNonNullType(declared);
    if (!mayMiss || this.random.chance(50)) value = json();
    this.variables.set(name, { type: String(declared), initial, value });
    return `$${name}`;
  }

  value(type, hint, hasDefault) {
    if (this.random.chance(30)) return this.variable(type, hint, hasDefault);
    if (!isNonNullType(type) && this.random.chance(4)) return 'null';
    return this.literal(getNullableType(type), hint);
  }

  /** A literal without variables, or with some inside of an input object. */
  literal(type, hint, depth = 0) {
    const random = this.random;
    const inner = (type, hint) => this.literal(getNullableType(type), hint, depth + 1);
    if (isListType(type)) {
      if (random.chance(25)) return inner(type.ofType, hint);
      return `[${Array.from({ length: 1 + random.below(2) }, () => inner(type.ofType, hint)).join(', ')}]`;
    }
    if (isEnumType(type)) return random.pick(type.getValues()).name;
    if (isInputObjectType(type)) {
      const fields = Object.values(type.getFields());
      const given = type.isOneOf
        ? [random.pick(fields)]
        : fields.filter((field) => isRequiredInputField(field) || (depth < 2 && random.chance(20)));
      return `{${given.map((field) => `${field.name}: ${inner(field.type, field.name)}`).join(', ')}}`;
    }
    switch (type.name) {
      case 'Int': return String(random.pick([1, 2, 3, 7]));
      case 'Float': return random.pick(['1', '0.5', '2.5e0']);
      case 'Boolean': return random.pick(['true', 'false']);
      case 'ID': return random.chance(10) ? String(random.below(9)) : JSON.stringify(random.pick(this.ids));
      case 'DateTime': return '"2026-01-02T03:04:05Z"';
      case 'NaiveDate': return '"2026-01-02"';
      case 'Decimal': return '"9.95"';
      case 'EmailAddress': return '"someone@example.org"';
      case 'JSON': return random.pick(['{a: [1, "x", null]}', '3', 'true']);
      default: return random.pick(['"a"', '"two words"', '"é “x”"', '"""block\n  "text" """', '"\\u00e9\\n"']);
    }
  }

  json(type, hint) {
    const text = this.literal(type, hint);
    const { definitions } = parse(`{ f(x: ${text}) }`);
    const plain = (node) => {
      switch (node.kind) {
        case Kind.INT: return type.name === 'ID' ? node.value : Number(node.value);
        case Kind.FLOAT: return Number(node.value);
        case Kind.LIST: return node.values.map(plain);
        case Kind.OBJECT: return Object.fromEntries(node.fields.map((field) => [field.name.value, plain(field.value)]));
        case Kind.NULL: return null;
        default: return node.value;
      }
    };
    return plain(definitions[0].selectionSet.selections[0].arguments[0].value);
  }
}

const name = (value) => ({ kind: Kind.NAME, value });
const text = (value) => ({ kind: Kind.STRING, value });

/** Makes a request wrong, most of the time. */
const SPOILERS = [
  (random, nodes) => { const field = random.pick(nodes.Field); if (field) field.name = name(random.pick(['nope', '__schema', `${field.name.value}s`])); },
  (random, nodes) => { const field = random.pick(nodes.Field); if (field) field.selectionSet = field.selectionSet ? undefined : { kind: Kind.SELECTION_SET, selections: [{ kind: Kind.FIELD, name: name('id') }] }; },
  (random, nodes) => { const field = random.pick(nodes.Field); if (field) field.arguments = [...field.arguments, { kind: Kind.ARGUMENT, name: name(random.pick(['nope', 'first', 'id'])), value: { kind: Kind.INT, value: '1' } }]; },
  (random, nodes) => { const field = random.pick(nodes.Field); if (field) field.arguments = field.arguments.slice(1); },
  (random, nodes) => { const field = random.pick(nodes.Field); if (field?.arguments.length) field.arguments = [...field.arguments, field.arguments[0]]; },
  (random, nodes) => { const field = random.pick(nodes.Field); const other = random.pick(nodes.Field); if (field && other) field.alias = name(other.alias?.value ?? other.name.value); },
  (random, nodes) => { const field = random.pick(nodes.Field); if (field) field.directives = [{ kind: Kind.DIRECTIVE, name: name(random.pick(['nope', 'skip', 'deprecated'])), arguments: [] }]; },
  (random, nodes) => { const directive = random.pick(nodes.Directive); if (directive) directive.arguments = [...directive.arguments, ...directive.arguments]; },
  (random, nodes) => {
    const argument = random.pick([...nodes.Argument, ...nodes.ObjectField]);
    if (argument) argument.value = random.pick([
      text('x'), { kind: Kind.INT, value: '1' }, { kind: Kind.INT, value: '2147483648' }, { kind: Kind.FLOAT, value: '1.5' }, { kind: Kind.NULL },
      { kind: Kind.BOOLEAN, value: true }, { kind: Kind.ENUM, value: 'NOPE' }, { kind: Kind.LIST, values: [] }, { kind: Kind.OBJECT, fields: [] },
      { kind: Kind.LIST, values: [{ kind: Kind.NULL }] }, { kind: Kind.VARIABLE, name: name('undefined') },
    ]);
  },
  (random, nodes) => { const object = random.pick(nodes.ObjectValue); if (object?.fields.length) object.fields = [...object.fields, object.fields[0]]; },
  (random, nodes) => { const object = random.pick(nodes.ObjectValue); if (object) object.fields = [...object.fields, { kind: Kind.OBJECT_FIELD, name: name('nope'), value: text('x') }]; },
  (random, nodes) => { const object = random.pick(nodes.ObjectValue); if (object) object.fields = object.fields.slice(1); },
  (random, nodes) => { const variable = random.pick(nodes.VariableDefinition); if (variable) variable.type = { kind: Kind.NAMED_TYPE, name: name(random.pick(['Int', 'String', 'Boolean', 'Nope', 'Content'])) }; },
  (random, nodes) => { const variable = random.pick(nodes.VariableDefinition); if (variable) variable.variable = { kind: Kind.VARIABLE, name: name('other') }; },
  (random, nodes) => { const variable = random.pick(nodes.VariableDefinition); if (variable) variable.defaultValue = random.pick([text('x'), { kind: Kind.NULL }, { kind: Kind.INT, value: '1' }]); },
  (random, nodes) => { const operation = random.pick(nodes.OperationDefinition); const [first] = operation.variableDefinitions ?? []; if (first) operation.variableDefinitions = [...operation.variableDefinitions, first]; },
  (random, nodes) => { const fragment = random.pick(nodes.FragmentDefinition); if (fragment) fragment.typeCondition = { kind: Kind.NAMED_TYPE, name: name(random.pick(['Nope', 'String', 'User', 'Content', 'Query'])) }; },
  (random, nodes) => { const fragment = random.pick(nodes.FragmentDefinition); if (fragment) fragment.name = name('Unused'); },
  (random, nodes) => { const fragment = random.pick(nodes.FragmentDefinition); if (fragment) fragment.selectionSet.selections = [...fragment.selectionSet.selections, { kind: Kind.FRAGMENT_SPREAD, name: name(fragment.name.value) }]; },
  (random, nodes) => { const inline = random.pick(nodes.InlineFragment); if (inline) inline.typeCondition = { kind: Kind.NAMED_TYPE, name: name(random.pick(['Nope', 'DateTime', 'User', 'Model'])) }; },
  (random, nodes, request) => { const [key] = Object.keys(request.variables); if (key) request.variables[key] = random.pick([null, 'x', '1', 1, 1.5, 2147483648, true, [], [null], {}, { nope: 1 }]); },
  (random, nodes, request) => { const [key] = Object.keys(request.variables); if (key) delete request.variables[key]; },
  (random, nodes, request) => { request.operationName = 'Nope'; },
];

function spoil(random, request) {
  const document = JSON.parse(JSON.stringify(parse(request.query, { noLocation: true })));
  const kinds = ['Field', 'Argument', 'ObjectField', 'ObjectValue', 'Directive', 'VariableDefinition', 'OperationDefinition', 'FragmentDefinition', 'InlineFragment'];
  const nodes = Object.fromEntries(kinds.map((kind) => [kind, []]));
  visit(document, { enter: (node) => { nodes[node.kind]?.push(node); } });
  random.pick(SPOILERS)(random, nodes, request);
  const query = print(document);
  // Now and then something that does not even parse.
  const at = random.below(query.length);
  return { ...request, query: random.chance(5) ? query.slice(0, at) + random.pick(['}', '{', '"', '$', '!', '...']) + query.slice(at + 1) : query };
}

/** Why graphql-js refuses a request, or the parsed document. */
function judge(schema, { query, variables, operationName }) {
  let document;
  try {
    document = parse(query);
  } catch (error) {
    return { refusal: error.message };
  }
  const [invalid] = validate(schema, document);
  if (invalid) return { refusal: invalid.message };
  const operation = getOperationAST(document, operationName);
  if (!operation) return { refusal: 'no such operation' };
  const { errors } = getVariableValues(schema, operation.variableDefinitions ?? [], variables);
  if (errors) return { refusal: errors[0].message };
  return { document };
}

/** How the data of an answer differs from what its document asks for. */
async function misshapen(schema, { document, variables, operationName }, answer) {
  if (answer.data === null) return answer.errors?.length ? undefined : 'data is null without an error';
  let nameless = false;
  const again = await execute({
    schema, document, operationName, variableValues: variables, rootValue: answer.data,
    fieldResolver: (source, _, __, info) => source[info.path.key],
    typeResolver: (value) => value.__typename ?? void (nameless = true),
  });
  // A request that was spoilt may no longer ask what it gets.
  if (nameless) return undefined;
  // An argument that cannot be coerced is an error of its field, here and there.
  const unexpected = again.errors?.find((error) => !(answer.errors ?? []).some((other) => JSON.stringify(other.path) === JSON.stringify(error.path)));
  if (unexpected) return unexpected.message;
  const [expected, given] = [JSON.stringify(again.data), JSON.stringify(answer.data)];
  return expected === given ? undefined : `${given}\n  instead of ${expected}`;
}

/** Whether a condition is refused for the null of a variable with a default: docs/graphql.md says why. */
function isNullForDefault({ document, variables, operationName }, message) {
  const definitions = getOperationAST(document, operationName).variableDefinitions ?? [];
  const isGiven = ({ variable, defaultValue }) => defaultValue && variables[variable.name.value] === null;
  return /^the condition of @(skip|include) must not be null$/.test(message) && definitions.some(isGiven);
}

const introspection = await send(getIntrospectionQuery({ inputValueDeprecation: true, oneOf: true, specifiedByUrl: true, schemaDescription: true, directiveIsRepeatable: true }));
const schema = buildClientSchema(introspection.body.data);
// Leaves come out as they went in: the server wrote them already.
for (const type of Object.values(schema.getTypeMap())) if (isLeafType(type) && !type.name.startsWith('__')) type.serialize = (value) => value;
const found = await send('{ contents(first: 20) { nodes { id } } people(first: 5) { nodes { id } } users(first: 5) { nodes { id } } jobs(first: 5) { nodes { id } } }');
const ids = ['nonsense', ...Object.values(found.body.data).flatMap((list) => list?.nodes ?? []).map((node) => node.id)];

const random = new Random(Number(seed));
const writer = new Writer(schema, random, ids);
const counts = { refused: 0, answered: 0, scalars: 0, nulls: 0, over: 0 };
const differences = [];
for (let i = 0; i < Number(documents); i++) {
  let request = writer.request();
  if (random.chance(50)) request = spoil(random, request);
  const judged = judge(schema, request);
  const { status, body } = await send(request.query, request.variables, request.operationName);
  const codes = (body.errors ?? []).map((error) => error.extensions?.code);
  if (codes.some((code) => ['OPERATION_TOO_COMPLEX', 'RATE_LIMITED', 'UNAVAILABLE'].includes(code))) {
    counts.over++;
    continue;
  }
  const refused = !('data' in body);
  // The schema does not tell graphql-js what a text must look like to be one of these.
  if (refused && !judged.refusal && /\b(DateTime|NaiveDate|Decimal|EmailAddress)\b/.test(body.errors[0].message)) {
    counts.scalars++;
    continue;
  }
  if (refused && !judged.refusal && isNullForDefault({ ...request, document: judged.document }, body.errors[0].message)) {
    counts.nulls++;
    continue;
  }
  let difference;
  if (codes.includes('INTERNAL_SERVER_ERROR')) difference = 'an internal error';
  else if (refused !== !!judged.refusal) difference = refused ? `refused: ${body.errors[0].message}` : `accepted, and should be refused: ${judged.refusal}`;
  else if (refused && (status < 400 || status > 499)) difference = `refused with status ${status}`;
  else if (!refused) difference = await misshapen(schema, { ...request, document: judged.document }, body);
  if (difference) differences.push({ difference, ...request });
  counts[refused ? 'refused' : 'answered']++;
}

for (const { difference, query, variables, operationName } of differences.slice(0, 10)) {
  console.log(`${difference}\n  ${query.replaceAll('\n', '\n  ')}\n  ${JSON.stringify(variables)} ${operationName ?? ''}\n`);
}
console.log(`seed ${seed}: ${counts.answered} answered, ${counts.refused} refused, ${counts.scalars} for a custom scalar, ${counts.nulls} for a null in the place of a default, ${counts.over} over a limit, ${differences.length} different`);
process.exitCode = differences.length ? 1 : 0;
