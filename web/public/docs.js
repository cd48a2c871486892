// Shows /openapi.json. Everything comes from this server, and text is set as text, never as markup.

/** An element with classes, and children that are elements or texts. */
function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children.filter((child) => child !== null && child !== undefined));
  return made;
}

/** A sentence in which `words` between backquotes are code. */
function prose(name, attributes, text) {
  const parts = text.split("`");
  return element(
    name,
    attributes,
    ...parts.map((part, index) => (index % 2 ? element("code", {}, part) : part)),
  );
}

const METHODS = ["get", "post", "put", "patch", "delete"];
const anchor = (name) => `schema-${name}`;

class Reader {
  constructor(description) {
    this.description = description;
  }

  /** What a `$ref` stands for, and its name. */
  find(value) {
    if (!value?.$ref) return value;
    return value.$ref
      .slice(2)
      .split("/")
      .reduce((found, key) => found[key.replaceAll("~1", "/")], this.description);
  }

  /** The type of a schema in a few words; names of schemas are links. */
  type(schema) {
    if (schema.$ref) {
      const name = schema.$ref.split("/").at(-1);
      return [element("a", { href: `#${anchor(name)}` }, name)];
    }
    if (schema.const) return [`"${schema.const}"`];
    if (schema.enum) return [schema.enum.map((value) => `"${value}"`).join(" | ")];
    const choices = schema.anyOf ?? schema.oneOf;
    if (choices) return choices.flatMap((one, i) => [...(i ? [" or "] : []), ...this.type(one)]);
    if (schema.type === "array") return ["list of ", ...this.type(schema.items)];
    const types = [schema.type ?? "bytes"].flat();
    const range = ["minimum", "maximum"].filter((key) => key in schema);
    const limits = range.map((key) => `${key === "minimum" ? "≥" : "≤"} ${schema[key]}`);
    return [[types.join(" or "), ...limits].join(", ")];
  }

  /** The fields of a schema: its own, those of its choices, or of what a list holds. */
  fields(schema) {
    const found = this.find(schema);
    const choices = found.oneOf ?? found.anyOf;
    if (choices) return choices.flatMap((one) => this.fields(one));
    if (found.type === "array" && !found.items.$ref) return this.fields(found.items);
    const needed = new Set(found.required ?? []);
    const fields = Object.entries(found.properties ?? {}).map(([name, value]) => ({
      name,
      schema: value,
      isNeeded: needed.has(name),
    }));
    return fields.sort((a, b) => Number(b.isNeeded) - Number(a.isNeeded));
  }

  table(fields) {
    const rows = fields.flatMap(({ name, schema, isNeeded, about }) => {
      const text = about ?? schema.description ?? "";
      const row = element(
        "tr",
        {},
        element("td", {}, element("span", isNeeded ? { class: "needed" } : {}, name)),
        element("td", {}, ...this.type(schema)),
        prose("td", {}, text),
      );
      const inner = schema.$ref ? [] : this.fields(schema);
      return [row, ...inner.map((field) => this.row(`${name}.`, field))];
    });
    return element("table", {}, element("tbody", {}, ...rows));
  }

  row(prefix, { name, schema }) {
    return element(
      "tr",
      {},
      element("td", {}, prefix + name),
      element("td", {}, ...this.type(schema)),
      prose("td", {}, schema.description ?? ""),
    );
  }

  /** A block with a small heading, or nothing when it would be empty. */
  block(title, fields) {
    if (fields.length === 0) return [];
    return [element("h4", { class: "label" }, title), this.table(fields)];
  }

  call({ path, method, operation, shared }) {
    const section = element("section", { class: "call", id: operation.operationId });
    section.append(
      element("h3", {}, element("span", { class: `method ${method}` }, method.toUpperCase()), path),
      prose("p", { class: "summary" }, operation.summary),
    );
    if (operation.description) section.append(prose("p", {}, operation.description));
    const parameters = [...shared, ...(operation.parameters ?? [])].map((one) => this.find(one));
    const asFields = parameters.map(({ name, schema, description, required }) => ({
      name,
      schema,
      isNeeded: required,
      about: description,
    }));
    section.append(...this.block("Parameters", asFields));
    const bodies = Object.entries(operation.requestBody?.content ?? {});
    if (bodies.length > 0) {
      const kinds = bodies.map(([kind]) => kind).join(" or ");
      section.append(...this.block(`Body: ${kinds}`, this.fields(bodies[0][1].schema)));
    }
    const answers = Object.entries(operation.responses).filter(([, one]) => !one.$ref);
    const answered = answers.map(([status, one]) => {
      const [kind, content] = Object.entries(one.content ?? {})[0] ?? ["", { schema: {} }];
      const isPlain = !content.schema.$ref;
      const schema = isPlain ? { type: kind || "nothing" } : content.schema;
      return { name: status, schema, about: one.description };
    });
    section.append(...this.block("Answers", answered));
    if (method === "post" && bodies.some(([kind]) => kind === "application/json")) {
      section.append(element("pre", {}, this.curl(path, bodies[0][1].schema)));
    }
    return section;
  }

  /** A call that can be pasted, with the fields that must be there. */
  curl(path, body) {
    const needed = this.fields(body).filter(({ isNeeded }) => isNeeded);
    const examples = { string: "...", array: [], integer: 0, boolean: true };
    const value = ({ schema }) => {
      const found = this.find(schema);
      return found.examples?.[0] ?? found.enum?.[0] ?? examples[found.type] ?? null;
    };
    const text = JSON.stringify(Object.fromEntries(needed.map((one) => [one.name, value(one)])));
    return `curl ${location.origin}${path} \\\n  -H 'content-type: application/json' -d '${text}'`;
  }

  schema(name, schema) {
    const section = element("section", { class: "call", id: anchor(name) });
    section.append(element("h3", {}, name));
    if (schema.description) section.append(prose("p", {}, schema.description));
    const fields = this.fields(schema);
    section.append(fields.length > 0 ? this.table(fields) : element("p", {}, ...this.type(schema)));
    return section;
  }

  calls() {
    return Object.entries(this.description.paths).flatMap(([path, item]) =>
      METHODS.filter((method) => item[method]).map((method) => ({
        path,
        method,
        operation: item[method],
        shared: item.parameters ?? [],
      })),
    );
  }
}

function show(description) {
  const reader = new Reader(description);
  const nav = document.querySelector("nav");
  const main = document.querySelector("main");
  const { title, version, description: about } = description.info;
  main.append(element("h1", {}, `${title} ${version}`), prose("p", { class: "muted" }, about));
  const calls = reader.calls();
  const link = (target, ...children) =>
    element("li", {}, element("a", { href: `#${target}` }, ...children));
  for (const tag of description.tags) {
    const own = calls.filter(({ operation }) => operation.tags.includes(tag.name));
    if (own.length === 0) continue;
    nav.append(element("h2", { class: "label" }, tag.name));
    nav.append(
      element(
        "ul",
        {},
        ...own.map(({ method, operation }) =>
          link(
            operation.operationId,
            element("span", { class: `method ${method}` }, method.toUpperCase()),
            operation.summary,
          ),
        ),
      ),
    );
    main.append(element("h2", {}, tag.name), element("p", {}, tag.description));
    main.append(...own.map((call) => reader.call(call)));
  }
  main.append(element("h2", {}, "Schemas"));
  const schemas = Object.entries(description.components.schemas);
  main.append(...schemas.map(([name, schema]) => reader.schema(name, schema)));
  // The address may name a part that was not there yet.
  if (location.hash) document.getElementById(location.hash.slice(1))?.scrollIntoView();
}

try {
  const answer = await fetch("/openapi.json");
  show(await answer.json());
} catch {
  document
    .querySelector("main")
    .append(element("p", { class: "refusal" }, "The studio does not answer. Is kinora running?"));
}
