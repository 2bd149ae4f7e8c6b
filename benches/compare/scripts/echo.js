// The child of driver.js.
'use strict';
process.on('message', (message) => {
  if (message.reply) process.send(message);
});
