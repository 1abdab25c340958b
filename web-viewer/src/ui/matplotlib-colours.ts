export {
  interpolateInferno as inferno,
  interpolateMagma as magma,
  interpolateViridis as viridis,
} from 'd3-scale-chromatic';
