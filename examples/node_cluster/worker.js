// A worker: a script like any other that is started by `cluster.fork`. It does not know that its primary is no Node.

const cluster = require('cluster');
const http = require('http');

http.createServer((request, response) => {
  response.end(`Hello from worker ${cluster.worker.id}\n`);
}).listen(8000);
