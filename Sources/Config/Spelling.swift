/// Guesses what a misspelt key was meant to be.
enum Spelling {
    /// The candidate nearest to `word`, if it is near enough to be worth a suggestion.
    static func nearest(to word: String, among candidates: some Sequence<String>) -> String? {
        guard word.count <= 40 else { return nil }
        let allowed = word.count <= 3 ? 1 : 2
        let near = candidates.map { (distance: distance(word.lowercased(), $0), word: $0) }
        return near.filter { $0.distance <= allowed }.min { ($0.distance, $0.word) < ($1.distance, $1.word) }?.word
    }

    /// How many single edits lie between the words: insertion, removal, replacement, exchange of neighbours.
    static func distance(_ from: String, _ to: String) -> Int {
        let (a, b) = (Array(from.unicodeScalars), Array(to.unicodeScalars))
        var beforeLast: [Int] = []
        var last = Array(0...b.count)
        for (i, scalar) in a.enumerated() {
            var row = [i + 1]
            for (j, other) in b.enumerated() {
                var best = min(last[j] + (scalar == other ? 0 : 1), last[j + 1] + 1, row[j] + 1)
                if i > 0, j > 0, scalar == b[j - 1], a[i - 1] == other { best = min(best, beforeLast[j - 1] + 1) }
                row.append(best)
            }
            (beforeLast, last) = (last, row)
        }
        return last[b.count]
    }
}
