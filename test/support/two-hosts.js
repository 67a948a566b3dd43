import { execFileSync, spawnSync } from "node:child_process";
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/**
 * Two hosts on this machine: network name spaces joined by a cable.
 * @typedef {object} TwoHosts
 * @property {(command: string, args: readonly string[], environment?: NodeJS.ProcessEnv) =>
 *   import("node:child_process").SpawnSyncReturns<string>} run runs a command on the first
 * @property {readonly string[]} mpiArguments what makes `mpirun` put one rank on each
 * @property {readonly string[]} pullCable a command, with its arguments, that pulls the cable
 * @property {() => number} bytesSent bytes that the first has sent over the cable
 * @property {() => void} close
 */

/** @param {string[]} args */
const ip = (...args) => execFileSync("ip", args, { encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });

/**
 * Makes two hosts; null where name spaces are not permitted.
 * @param {string} name - what the names of hosts and cable begin with
 * @returns {TwoHosts | null}
 */
export function twoHosts(name) {
  const hosts = [`${name}a`, `${name}b`];
  const cable = [`${name}0`, `${name}1`];
  const folder = mkdtempSync(join(tmpdir(), "evenkeel-hosts-"));
  const close = () => {
    for (const host of hosts) spawnSync("ip", ["netns", "del", host]);
    rmSync(folder, { recursive: true, force: true });
  };
  try {
    for (const host of hosts) ip("netns", "add", host);
    ip("link", "add", cable[0], "netns", hosts[0], "type", "veth", "peer", "name", cable[1], "netns", hosts[1]);
    hosts.forEach((host, k) => {
      ip("-n", host, "addr", "add", `10.77.0.${k + 1}/24`, "dev", cable[k]);
      ip("-n", host, "link", "set", cable[k], "up");
      ip("-n", host, "link", "set", "lo", "up");
    });
  } catch {
    close();
    return null;
  }
  // Open MPI starts its daemon on the other host through this, in place of ssh.
  const agent = join(folder, "agent");
  writeFileSync(agent, `#!/bin/sh\nshift\nexec ip netns exec ${hosts[1]} sh -c "$*"\n`);
  chmodSync(agent, 0o755);
  const settings = {
    plm_rsh_agent: agent,
    btl: "tcp,self",
    btl_tcp_if_include: "10.77.0.0/24",
    oob_tcp_if_include: "10.77.0.0/24",
    mpi_yield_when_idle: "1",
    // By default mpirun's own connections notice a dead link after minutes.
    oob_tcp_keepalive_time: "2",
    oob_tcp_keepalive_intvl: "1",
    oob_tcp_keepalive_probes: "2",
  };
  return {
    run: (command, args, environment = process.env) =>
      spawnSync("ip", ["netns", "exec", hosts[0], command, ...args], {
        encoding: "utf8",
        env: environment,
        timeout: 600_000,
      }),
    mpiArguments: [
      ...["--allow-run-as-root", "--oversubscribe", "-np", "2", "--map-by", "node", "--host", "10.77.0.1,10.77.0.2"],
      ...Object.entries(settings).flatMap(([key, value]) => ["--mca", key, value]),
    ],
    pullCable: ["ip", "-n", hosts[0], "link", "set", cable[0], "down"],
    bytesSent: () =>
      Number(
        execFileSync("ip", ["netns", "exec", hosts[0], "cat", `/sys/class/net/${cable[0]}/statistics/tx_bytes`], {
          encoding: "utf8",
        }),
      ),
    close,
  };
}
