// TypeScript types from an OpenAPI document (3.1). Covers what utoipa writes and stops at anything else.
// An optional member is absent or has a value, never null: so it is sent, and so it is typed.

export interface Schema {
  $ref?: string;
  type?: string | string[];
  enum?: string[];
  oneOf?: Schema[];
  allOf?: Schema[];
  items?: Schema;
  properties?: Record<string, Schema>;
  required?: string[];
  additionalProperties?: boolean | Schema;
  description?: string;
}

export interface OpenApi {
  /** By path, then by method in small letters. */
  paths: Record<string, Record<string, object>>;
  components: { schemas: Record<string, Schema> };
}

/** The schemas of the document that is written. */
let known: Record<string, Schema> = {};

const METHODS = ["get", "post", "put", "delete"];

const HEAD = `// The API's data, written from openapi/wattex.json by \`npm run types\`. Do not change it by hand.

/** A part of a list; \`next\` is the cursor of the part after it. */
export interface Page<T> {
  items: T[];
  next?: string;
}
`;

/** The module with the paths of a document, and a type for each of its schemas, in the order of their names. */
export function typesOf({ paths, components: { schemas } }: OpenApi): string {
  known = schemas;
  const names = Object.keys(schemas).filter((name) => !name.startsWith("Page_"));
  return [HEAD, pathsOf(paths), ...names.sort().map((name) => declared(name, schemas[name]!))].join("\n");
}

/** The paths of each method, with any text in the place of a parameter. */
function pathsOf(paths: OpenApi["paths"]): string {
  const members = METHODS.map((method) => {
    const all = Object.keys(paths).filter((path) => paths[path]![method]).sort();
    const types = all.map((path) => (path.includes("{") ? `\`${path.replace(/\{\w+\}/g, "${string}")}\`` : `"${path}"`));
    return `  ${method.toUpperCase()}:${types.map((type) => `\n    | ${type}`).join("") || " never"};\n`;
  });
  return `/** What can be called, by method. */\nexport interface Paths {\n${members.join("")}}\n`;
}

function declared(name: string, schema: Schema): string {
  const parts = schema.allOf ?? [schema];
  const bases = parts.filter((part) => part.$ref).map((part) => typeOf(part, 0));
  const own = parts.filter((part) => !part.$ref);
  // An interface where it can be one: it has a name in messages, and others can extend it.
  if (own.every((part) => part.properties)) {
    const heir = bases.length ? ` extends ${bases.join(", ")}` : "";
    const members = own.flatMap((part) => membersOf(part, 0));
    return `${comment(schema, 0)}export interface ${name}${heir} {\n${members.join("")}}\n`;
  }
  return `${comment(schema, 0)}export type ${name} = ${typeOf(schema, 0)};\n`;
}

const indent = (depth: number) => "  ".repeat(depth);

function membersOf(schema: Schema, depth: number): string[] {
  return Object.entries(schema.properties ?? {}).map(([name, member]) => {
    const optional = schema.required?.includes(name) ? "" : "?";
    const key = /^\w+$/.test(name) ? name : JSON.stringify(name);
    return `${comment(member, depth + 1)}${indent(depth + 1)}${key}${optional}: ${typeOf(member, depth + 1)};\n`;
  });
}

function typeOf(schema: Schema, depth: number): string {
  if (schema.$ref) return named(schema.$ref.split("/").at(-1)!, depth);
  const either = schema.oneOf?.filter((one) => one.type !== "null");
  if (either) return either.map((one) => typeOf(one, depth)).join(" | ");
  if (schema.allOf) return schema.allOf.map((one) => typeOf(one, depth)).join(" & ");
  if (schema.enum) return schema.enum.map((value) => JSON.stringify(value)).join(" | ");
  const types = [schema.type ?? []].flat().filter((type) => type !== "null");
  if (types.length !== 1) throw new Error(`no type for ${JSON.stringify(schema)}`);
  switch (types[0]) {
    case "string":
    case "boolean":
      return types[0];
    case "integer":
    case "number":
      return "number";
    case "array":
      return arrayOf(typeOf(schema.items ?? {}, depth));
    case "object":
      return objectOf(schema, depth);
    default:
      throw new Error(`unknown type ${types[0]}`);
  }
}

/** A part of a list has a schema of its own for each item; here it is one type. An item that stands in such a list alone has no name. */
function named(name: string, depth: number): string {
  const item = /^Page_(\w+)$/.exec(name)?.[1];
  if (!item) return name;
  const schema = known[name]?.properties?.items?.items ?? {};
  return `Page<${known[item] ? item : typeOf(schema, depth)}>`;
}

const arrayOf = (item: string) => (/[ |&{]/.test(item) ? `(${item})[]` : `${item}[]`);

function objectOf(schema: Schema, depth: number): string {
  if (schema.properties) return `{\n${membersOf(schema, depth).join("")}${indent(depth)}}`;
  const { additionalProperties: values } = schema;
  return typeof values === "object" ? `Record<string, ${typeOf(values, depth)}>` : "object";
}

function comment({ description, oneOf }: Schema, depth: number): string {
  // Of what may be absent, the description is that of what may be there.
  const text = description ?? oneOf?.find((one) => one.description)?.description;
  if (!text) return "";
  const lines = text.replaceAll("*/", "*\\/").split("\n").map((line) => line.trimEnd());
  if (lines.length === 1) return `${indent(depth)}/** ${lines[0]} */\n`;
  const body = lines.map((line) => `${indent(depth)} *${line && ` ${line}`}\n`).join("");
  return `${indent(depth)}/**\n${body}${indent(depth)} */\n`;
}
