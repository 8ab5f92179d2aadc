/**
 * Glyphs of 5 by 7 dots, a base-32 digit per row of dots: the sheet must look the same on a machine
 * that has no fonts.
 */
const GLYPHS = new Map(
  `A=ehhvhhh B=uhhuhhu C=ehggghe D=uhhhhhu E=vgguggv F=vgguggg G=ehgnhhe H=hhhvhhh I=e44444e
   J=72222ic K=hikokih L=ggggggv M=hrllhhh N=hpljhhh O=ehhhhhe P=uhhuggg Q=ehhhlid R=uhhukih
   S=fgge11u T=v444444 U=hhhhhhe V=hhhhha4 W=hhhllla X=hha4ahh Y=hha4444 Z=v1248gv
   0=ehjlphe 1=4c4444e 2=eh168gv 3=eh161he 4=26aiv22 5=vgu11he 6=68guhhe 7=v124888 8=ehhehhe
   9=ehhf12c -=000e000 .=00000cc ,=0000648 :=0cc0cc0`
    .split(/\s+/)
    .map((entry) => [entry[0]!, entry.slice(2)]),
);

/** Width of a line of text whose dots are `dot` pixels wide. */
export function widthOf(text: string, dot: number): number {
  return (6 * text.length - 1) * dot;
}

/** A line of text as SVG path data; `x` and `y` are its top left corner. */
export function dotText(text: string, x: number, y: number, dot: number): string {
  return [...text.toUpperCase()]
    .map((char, i) => glyph(GLYPHS.get(char) ?? '', x + 6 * dot * i, y, dot))
    .join('');
}

function glyph(rows: string, x: number, y: number, dot: number): string {
  const size = dot > 3 ? dot - 1 : dot; // big dots show as dots
  let path = '';
  [...rows].forEach((digit, row) => {
    for (let column = 0; column < 5; column += 1) {
      if ((parseInt(digit, 32) & (16 >> column)) === 0) continue;
      path += `M${x + dot * column} ${y + dot * row}h${size}v${size}h${-size}z`;
    }
  });
  return path;
}
