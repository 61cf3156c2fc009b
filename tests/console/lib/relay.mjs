// A port of this machine that leads to the console. The way can be cut, and mended.

import { connect, createServer } from "node:net";

/** Opens a way to `origin`. Its `url` has the name `localhost`, so that the browser keeps the session's cookie. */
export async function relay(origin) {
  const { hostname: host, port } = new URL(origin);
  const sockets = new Set();
  const pass = (from, to) => {
    sockets.add(from);
    from.pipe(to);
    from.on("error", () => {});
    from.on("close", () => {
      sockets.delete(from);
      to.destroy();
    });
  };
  const server = createServer((near) => {
    const far = connect({ host, port: port || 80 });
    pass(near, far);
    pass(far, near);
  });
  const listen = (at) => new Promise((resolve, reject) => server.once("error", reject).listen(at, "127.0.0.1", resolve));
  await listen(0);
  const at = server.address().port;
  return {
    url: `http://localhost:${at}`,
    cut() {
      server.close();
      for (const socket of sockets) socket.destroy();
    },
    mend: () => listen(at),
  };
}
