// Writes golden.txt: what a real Node.js sends for each of the expressions below with `serialization: 'advanced'`.
//
//     node golden.js > golden.txt
//
// A child of this program evaluates them and hands each to `process.send`. What it believes to be its channel is a plain
// socket, from which the bytes are read as they are. Each line has the expression and the payload of the frame in hex.
'use strict';

const { spawn } = require('node:child_process');

const EXPRESSIONS = [
  // Primitives. Alone, `undefined` and a bigint are refused.
  'null', 'true', 'false', '[undefined]',
  '0', '-0', '1', '-1', '63', '64', '-64', '-65', '2147483647', '-2147483648', '2147483648', '-2147483649',
  '4294967295', '9007199254740991', '-9007199254740991', '1e300', '0.5', 'NaN', 'Infinity', '-Infinity',
  '[0n]', '[1n, -1n]', '[2n ** 63n, -(2n ** 63n)]', '[2n ** 64n - 1n]', '[2n ** 64n, -(2n ** 127n)]', '[2n ** 200n]',

  // Strings: Latin-1, UTF-16 at even and odd places, half a pair, long ones.
  '""', '"ascii"', '"caf\\u00e9 \\u00ff"', '"\\u0100"', '["\\u20ac"]', '["x", "\\u20ac", "xy", "\\u20ac"]',
  '"\\u{1f600}"', '"\\ud800"', '["a\\udc00b"]', '"\\0\\n\\u2028"', '"a".repeat(200)', '"\\u0416".repeat(100)',
  '["\\u0416".repeat(64)]',

  // Objects and arrays.
  '({})', '({ a: 1, b: "two", c: null })', '({ a: undefined })', '({ 0: "zero", 10: "ten", x: "x" })',
  '({ "-1": 1, "01": 2, "1.5": 3, 4294967294: 4, 4294967295: 5 })', '({ "": { "caf\\u00e9": { "\\u20ac": [] } } })',
  '(() => { class Point { constructor() { this.x = 1; this.y = 2; } get z() { return 3; } } return new Point(); })()',
  '[]', '[1, [2, [3]]]', '[1, , 3]', 'new Array(3)', 'Object.assign(["a"], { index: 4 })',
  '(() => { const a = []; a[100] = "x"; return a; })()', '(() => { const a = []; a[4000000000] = 1; return a; })()',

  // Map and Set.
  'new Map()', 'new Map([["a", 1], ["b", 2]])', 'new Map([[1, "one"], [{ k: 1 }, [2]], [null, undefined]])',
  'new Set()', 'new Set([1, "a", { x: 1 }])',

  // Date and RegExp.
  'new Date(0)', 'new Date(1700000000123)', 'new Date(-1.5)', 'new Date(NaN)',
  '/a+b/', '/\\u20ac/giu', '/x/dgimsy', '/[a-z]/v',

  // Errors.
  'Object.assign(new Error("m"), { stack: "s" })', 'Object.assign(new TypeError("t"), { stack: "s" })',
  '[EvalError, RangeError, ReferenceError, SyntaxError, URIError].map((E) => Object.assign(new E(E.name), { stack: "s" }))',
  'Object.assign(new Error("m", { cause: { why: 1 } }), { stack: "s" })',
  '(() => { const e = new Error(); delete e.stack; return e; })()',
  'Object.assign(new Error("m"), { stack: "s", code: "ENOENT" })',

  // Primitives as objects.
  '[new Number(1.5), new Boolean(true), new Boolean(false), new String("s"), new String("\\u20ac"), Object(5n)]',

  // Bytes.
  'new ArrayBuffer(0)', 'new Uint8Array([1, 2, 3]).buffer', 'new ArrayBuffer(2, { maxByteLength: 8 })',
  'Buffer.from("hello")', 'Buffer.alloc(0)', 'Buffer.alloc(300, 7)', 'new Uint8Array([1, 2, 255])',
  'new Int8Array([-1, 1])', 'new Uint8ClampedArray([255])', 'new Int16Array([-2, 2])', 'new Uint16Array([65535])',
  'new Int32Array([-3])', 'new Uint32Array([4294967295])', 'new Float32Array([1.5, -0.25])',
  'new Float64Array([Math.PI, NaN])', 'new BigInt64Array([-1n])', 'new BigUint64Array([2n ** 64n - 1n])',
  'new DataView(new Uint8Array([1, 2, 3, 4]).buffer, 1, 2)', 'new Uint8Array([0, 1, 2, 3]).subarray(1, 3)',
  '({ a: Buffer.from("a"), b: new Uint8Array(1), c: [new Float32Array(1)] })',

  // Shared objects and cycles.
  '(() => { const o = { x: 1 }; return [o, o, o]; })()', '(() => { const o = {}; o.self = o; return o; })()',
  '(() => { const a = []; a.push(a); return a; })()',
  '(() => { const m = new Map(); m.set("m", m); return m; })()',
  '(() => { const s = new Set(); s.add(s); return s; })()',
  '(() => { const d = new Date(5), r = /r/g, b = Buffer.from("b"), n = new Number(1); return [d, r, b, n, d, r, b, n]; })()',
  '(() => { const a = { n: "a" }, b = { n: "b", a }; a.b = b; return { list: [a, b], b }; })()',
  '(() => { const e = new Error("m"); e.stack = "s"; e.cause = e; return e; })()',
  '(() => { const v = new Uint8Array(2); return { v, b: v.buffer, again: v }; })()',

  // Other host objects arrive as the plain object of what can be copied of them.
  '[new (require("node:net").BlockList)(), { behind: 1 }]',
];

if (process.channel) {
  for (const expression of EXPRESSIONS) process.send((0, eval)(`const require = process.mainModule.require; ${expression}`));
} else {
  const child = spawn(process.execPath, [__filename], {
    stdio: ['ignore', 'inherit', 'inherit', 'pipe'],
    env: { ...process.env, NODE_CHANNEL_FD: '3', NODE_CHANNEL_SERIALIZATION_MODE: 'advanced' },
  });
  const chunks = [];
  child.stdio[3].on('data', (chunk) => chunks.push(chunk)).on('end', () => {
    let bytes = Buffer.concat(chunks);
    for (const expression of EXPRESSIONS) {
      const end = 4 + bytes.readUInt32BE(0);
      console.log(`${expression}  =>  ${bytes.subarray(4, end).toString('hex')}`);
      bytes = bytes.subarray(end);
    }
    if (bytes.length > 0) throw new Error('more was sent than expected');
  });
}
