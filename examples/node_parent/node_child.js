// The child: a script like any other that was started by `child_process.fork`.

process.on('message', ({ id, text }) => {
  const words = text.split(/\s+/).filter((word) => word !== '');
  const longest = words.reduce((a, b) => (b.length > a.length ? b : a), '');
  process.send({ id, words: words.length, longest });
});
