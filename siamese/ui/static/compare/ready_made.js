// A ready-made board: eight things, each with one to three drawings, in the format of board_text.js.

const INKS = {
  star: [
    "fzCSY6iduc-OsVyOJGFkap1r226rkIGxTc1hnHBifzB_MA",
    "ay-RXrGUzMqUrFiNJHZdaaBl22KzhoSsV9Bemmhgay9rLw",
  ],
  house: [
    "RdZCtzyVOG9LU2A7eSSPO6RWunS-msS8x9uf1XDURdZF1g.c9Rxwm-wa5x5nYedlJ6XsZrDm9Wb1Q",
    "ONM1rjKHMWVOUGs8hySbP69Wx2vIjsu1ztqf22_YONM40w.c9hxxG-tbpd8mIqal5qYsJvGnNuc2w",
    "QNs5ujKcLHpFXl1AdCSJOqJTv23Ej8ut086e0XHXQNtA2w.ddZxw22xaZ92noKcj5qTrJe-m9Gb0Q",
  ],
  fish: [
    "x0PCT7xbtmevdKeBno6Vm4uogbJ2uGq7XbtRuUe1PrE3rTCnKqEmmySUJI4mhip_L3k0cjtsQ2ZMYFZcYVttXHpgiWaXbaR1sX28hseR0Zzbptum.x0PGU8VkwnbLhtOW26bbpg",
    "21nQYsRquHOse6GDl4uNlIObeaFwpGWjWqBOmkOUOo8yiiyFJ4AkeyR2JnIqbjBqOGdBZEtiV19jXW9ceV6CYYpnkm2adKN6rIK1ir6TyJzRptGm.21nSZclywH7Fi8uY0abRpg",
  ],
  key: [
    "Q1ZPVllcYmVpcmyAbY1qmGOgWqVQqESnOKIumiePJIIldCpnM10-V0NW.bH6OfrOB1ILWkNmd26nbqQ.r4CyjLSWtqG2oQ",
  ],
  spiral: [
    "h3yFgH-Cd39xeW9wdWeCYZRhpWmwd6-JopqJpG6gV49Ld05dYUeEPKxBzFXbdNaYuryLzF3BOJ4kcy5IPjM",
    "k3ySgY2FhYZ9gXl3e2qGX5VapV2xarZ_sJSgpIaqaaNTjU1uXFB9O6E1wD_WXtuHy6urw3vKSboqkyVfL0g",
  ],
  lightning: [
    "sCSPRG9hUn1kfHh7jnl1mmC8T9tP2w",
  ],
  cup: [
    "JDsoSyxbL2syfDWMOJw7qz-5Q8RJzFDRWdNi1GzTdtJ-0YbPjc2UyJrBoLilq6qdrY2vfLBsr1ytTKo8pyunKw.JDtLN3gwpyunKw.qUKyQrxCxEHMQ9FG1k3ZV9th22zYddJ6yX-_grOGqIqoig",
    "JEMlUCZdJ2speiyHMJU0oTitPbZDvUrCU8VcxWXFbcRzw3rCgMCGvIy3kq-YpZ2aoY2kf6dxp2KoVKhHqDqoOg.JENRQXo9qDqoOg.pkywTLtMxUzOTtRR2FfbX9tp2nLWes5-w4K2hKiHnIuciw",
    "JE8mXylvLH0wijaXPKNDr0q6UsRay2LPa9B0z3zNhMuKyZHHlsOcvqC3o66loqeWqImpfalwqGGnUqZBpi-mLw.JE9TRXs5pi-mLw.pUiuR7lFw0TMRdNI11DaWdtj223YdNF5x327gK6EooiiiA",
  ],
  umbrella: [
    "JYQpditoLlwxUDhGQjxPM18rcSWCJJMnoy6yN75CyUzQVtRi1m_XfdqL2os.JYRegKCC2ovaiw.f4B9l3mtdMF0wQ.dMFxxm7La9Bo1WTYX9pa21TbT9tM2UrWStJKzUrISsNKww",
    "JI4lgiV1JWcoWy5POERHOVcxaSt6KYkrmDCnOLRBwEvIVc5h0m3WetuH24c.JI5jhqGG24fbhw.hIWHmImri72LvQ.i72JwYjGhsuE0ILTfdV31nHWbNVn1GTRY81hx2DDX75fvg",
  ],
};

const CHINESE = { star: "星星", house: "房子", fish: "鱼", key: "钥匙", spiral: "螺旋", lightning: "闪电", cup: "杯子", umbrella: "雨伞" };

const board = (nameOf) =>
  Object.entries(INKS)
    .map(([name, inks]) => [encodeURIComponent(nameOf(name)), ...inks].join("!"))
    .join("~");

export const READY_MADE = { en: board((name) => name), zh: board((name) => CHINESE[name]) };
