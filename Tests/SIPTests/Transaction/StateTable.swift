import Testing

/// A table of states and events, written as text: what a machine does, and the state it is in afterwards.
///
/// The first row names the events. A cell is `action` where the state stays, or `action → state`; a pair that cannot
/// occur stands in parentheses, and is tested to be harmless all the same. Where a reliable transport makes a difference
/// its cell follows a `/`.
struct StateTable: Sendable {
    struct Case: Sendable, CustomTestStringConvertible {
        let start: String
        let event: String
        let isReliable: Bool
        let action: String
        let end: String
        let canOccur: Bool

        var testDescription: String {
            "\(start), \(event)\(isReliable ? ", reliable" : "")\(canOccur ? "" : " (cannot occur)")"
        }
    }

    let events: [String]
    let states: [String]
    let cases: [Case]

    init(_ text: String) {
        let rows = text.split(separator: "\n").map { row in
            row.split(separator: "|", omittingEmptySubsequences: false).map { $0.trimmed }
        }
        events = rows.first.map { Array($0.dropFirst()) } ?? []
        states = rows.dropFirst().map { $0[0] }
        var cases: [Case] = []
        for row in rows.dropFirst() {
            for (event, cell) in zip(events, row.dropFirst()) {
                let parts = cell.split(separator: "/").map { $0.trimmed }
                for isReliable in [false, true] {
                    guard let part = isReliable ? parts.last : parts.first else { continue }
                    cases.append(Self.read(part, row[0], event, isReliable))
                }
            }
        }
        self.cases = cases
    }

    private static func read(_ cell: String, _ start: String, _ event: String, _ isReliable: Bool) -> Case {
        let canOccur = !cell.hasPrefix("(")
        let plain = canOccur ? cell : String(cell.dropFirst().dropLast())
        let words = plain.split(separator: "→").map { $0.trimmed }
        return Case(
            start: start, event: event, isReliable: isReliable, action: words.first ?? "",
            end: words.count > 1 ? words[1] : start, canOccur: canOccur)
    }

    /// Whether every event has its cell in every state, and no state stands there twice.
    var isComplete: Bool {
        cases.count == 2 * events.count * states.count && Set(states).count == states.count
            && Set(events).count == events.count
    }
}

extension Substring {
    fileprivate var trimmed: String {
        let end = reversed().drop { $0 == " " }
        return String(String(end.reversed()).drop { $0 == " " })
    }
}
