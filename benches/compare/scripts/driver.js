// The driver for Node: see src/driver.rs for what it is told and what it answers.
'use strict';
const { fork } = require('node:child_process');
const path = require('node:path');
const readline = require('node:readline');

const [serialization, kind, sizeText, manyText] = process.argv.slice(2);
const [size, many] = [Number(sizeText), Number(manyText)];

function start() {
  return fork(path.join(__dirname, 'echo.js'), [], { serialization });
}

function answer(child) {
  return new Promise((resolve) => child.once('message', resolve));
}

const message = size <= 64
  ? { id: 4294967296, reply: true, price: 12.25, name: 'sixteen letters!' }
  // JSON has no bytes. A string is the fastest that can stand for them.
  : { reply: true, data: serialization === 'json' ? 'a'.repeat(size) : Buffer.alloc(size, 7) };

async function roundTrips(child, count) {
  for (let i = 0; i < count; i++) {
    const answered = answer(child);
    child.send(message);
    await answered;
  }
}

// As its documentation advises: wait for the callback when `send` says that the backlog is too large.
async function stream(child, count) {
  message.reply = false;
  for (let i = 1; i < count; i++) {
    let left;
    const written = new Promise((resolve) => { left = resolve; });
    if (!child.send(message, left)) await written;
  }
  message.reply = true;
  await roundTrips(child, 1);
}

async function family() {
  const begin = process.hrtime.bigint();
  const children = Array.from({ length: many }, start);
  await Promise.all(children.map((child) => roundTrips(child, 1)));
  const wall = process.hrtime.bigint() - begin;
  await Promise.all(children.map((child) => {
    const ended = new Promise((resolve) => child.once('exit', resolve));
    child.disconnect();
    return ended;
  }));
  return wall;
}

(async () => {
  let child;
  for await (const line of readline.createInterface({ input: process.stdin })) {
    if (line === 'open') {
      if (kind === 'round-trip' || kind === 'stream') child = start();
      console.log('ok');
      continue;
    }
    const count = Number(line.slice(4));
    const begin = process.hrtime.bigint();
    let wall = 0n;
    if (kind === 'round-trip') await roundTrips(child, count);
    else if (kind === 'stream') await stream(child, count);
    else for (let i = 0; i < count; i++) wall += await family();
    console.log(`ok ${wall || process.hrtime.bigint() - begin}`);
  }
  child?.disconnect();
})();
