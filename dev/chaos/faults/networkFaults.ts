import { setTimeout as sleep } from 'node:timers/promises';
import { TcpProxy } from '../../harness/network/TcpProxy';

export const NETWORK_FAULTS = [
  'cut',
  'blackHole',
  'blackHoleReset',
  'delay',
] as const;
type NetworkFault = (typeof NETWORK_FAULTS)[number];

/** A database in another region. */
const DELAY_MS = 40;

/** Disturbs the network of one backend for so many milliseconds, and returns when it works again. */
export async function disturb(
  network: TcpProxy,
  fault: NetworkFault,
  ms: number,
): Promise<void> {
  switch (fault) {
    case 'cut':
      network.cut();
      break;
    case 'delay':
      network.delayMs = DELAY_MS;
      break;
    default:
      network.silence();
  }
  await sleep(ms);
  if (fault === 'blackHoleReset') {
    network.reset();
  }
  network.delayMs = 0;
  network.restore();
}
