// Passes its standard input to the channel of a child as it is, and what comes back to its standard output. The child sends
// back every message that it receives: what comes out went through the serialiser of a real Node.js, both ways.
//
//     node echo.js json|advanced
'use strict';

const { spawn } = require('node:child_process');

if (process.channel) {
  process.on('message', (message) => process.send(message));
} else {
  const child = spawn(process.execPath, [__filename], {
    stdio: ['ignore', 'inherit', 'inherit', 'pipe'],
    env: { ...process.env, NODE_CHANNEL_FD: '3', NODE_CHANNEL_SERIALIZATION_MODE: process.argv[2] },
  });
  process.stdin.pipe(child.stdio[3]).pipe(process.stdout);
}
