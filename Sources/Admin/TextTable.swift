/// Columns of text, aligned, for a terminal.
public struct TextTable {
    public enum Alignment { case left, right }

    private let columns: [(title: String, alignment: Alignment)]
    private var rows: [[String]] = []

    public init(_ columns: [(title: String, alignment: Alignment)]) { self.columns = columns }

    /// Adds a row; missing cells are empty, surplus ones are left out.
    public mutating func add(_ cells: [String]) {
        let filled = cells.prefix(columns.count).map(\.shownSafely)
        rows.append(filled + Array(repeating: "", count: columns.count - filled.count))
    }

    /// A line for the titles and one for each row.
    public var text: String {
        let lines = [columns.map(\.title)] + rows
        let widths = columns.indices.map { column in lines.map { $0[column].count }.max() ?? 0 }
        return lines.map { line(of: $0, widths) + "\n" }.joined()
    }

    private func line(of cells: [String], _ widths: [Int]) -> String {
        var line = ""
        for (index, cell) in cells.enumerated() {
            if index > 0 { line += "  " }
            let padding = String(repeating: " ", count: widths[index] - cell.count)
            line += columns[index].alignment == .left ? cell + padding : padding + cell
        }
        while line.last == " " { line.removeLast() }
        return line
    }
}

extension String {
    /// The text with control characters and unusual line ends as `\u{…}`: what a peer wrote moves no cursor of ours.
    var shownSafely: String {
        guard unicodeScalars.contains(where: \.isUnsafeToShow) else { return self }
        var out = ""
        for scalar in unicodeScalars {
            if scalar.isUnsafeToShow {
                out += "\\u{\(String(scalar.value, radix: 16))}"
            } else {
                out.unicodeScalars.append(scalar)
            }
        }
        return out
    }
}

extension Unicode.Scalar {
    /// Controls, line and paragraph separators, and marks that turn the direction of writing.
    fileprivate var isUnsafeToShow: Bool {
        switch value {
        case 0..<0x20, 0x7f..<0xa0, 0x200e, 0x200f, 0x2028...0x202e, 0x2066...0x2069: true
        default: false
        }
    }
}
