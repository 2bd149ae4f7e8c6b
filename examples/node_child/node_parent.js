// The parent: `fork` starts any program, if it is told so by `execPath`.

const { fork } = require('child_process');
const path = require('path');

const name = process.platform === 'win32' ? 'node_child.exe' : 'node_child';
const program = process.argv[2]
  ?? path.join(__dirname, '../../target/debug/examples', name);

const numbers = [12, 97, 600851475143, 9007199254740881];
const child = fork('', { execPath: program, execArgv: [] });

let left = numbers.length;
child.on('message', ({ number, factors }) => {
  console.log(`${number} = ${factors.join(' * ')}`);
  left -= 1;
  if (left === 0) child.disconnect();
});
child.on('disconnect', () => console.log('the program has disconnected'));
child.on('exit', (code) => console.log(`the program has ended with ${code}`));

for (const number of numbers) child.send({ number });
