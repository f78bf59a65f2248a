import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { type OpenApi, type Schema, typesOf } from "./openapi";

const document = JSON.parse(readFileSync("../openapi/wattex.json", "utf8")) as OpenApi;

/** Writes the file as well, where `npm run types` asks for it. */
test("the types are those of the document: else run `npm run types`", async () => {
  await expect(typesOf(document)).toMatchFileSnapshot("./api.ts");
});

function check(schema: Schema, expected: string) {
  const written = typesOf({ paths: {}, components: { schemas: { Name: schema } } });
  expect(written.slice(written.indexOf("Name") - 1).trim()).toBe(expected);
}

const text: Schema = { type: "string" };

test("members that are not required, or may be null, are optional and never null", () => {
  const maybe: Schema = { oneOf: [{ $ref: "#/components/schemas/Other" }, { type: "null" }] };
  const properties = { a: text, b: { type: ["integer", "null"] }, c: maybe };
  check({ type: "object", properties, required: ["a"] }, "Name {\n  a: string;\n  b?: number;\n  c?: Other;\n}");
});

test("what is made of another schema extends it", () => {
  const parts = [{ $ref: "#/components/schemas/Base" }, { type: "object", properties: { a: text } }];
  check({ allOf: parts }, "Name extends Base {\n  a?: string;\n}");
});

test("alternatives, lists and maps are written as such", () => {
  const either: Schema = { oneOf: [{ type: "string", enum: ["x", "y"] }, { type: "boolean" }] };
  check(either, 'Name = "x" | "y" | boolean;');
  check({ type: "array", items: either }, 'Name = ("x" | "y" | boolean)[];');
  check({ type: "object", additionalProperties: { type: "integer" } }, "Name = Record<string, number>;");
});

test("a path is there with its method, and takes any text for a parameter", () => {
  const written = typesOf({ paths: { "/v1/a/{id}/b": { get: {} }, "/v1/c": { get: {}, put: {} } }, components: { schemas: {} } });
  expect(written).toContain('  GET:\n    | `/v1/a/${string}/b`\n    | "/v1/c";\n  POST: never;\n  PUT:\n    | "/v1/c";\n');
});

test("what is not understood is not guessed", () => {
  expect(() => check({ type: "tuple" }, "")).toThrow("unknown type tuple");
  expect(() => check({}, "")).toThrow("no type");
});
