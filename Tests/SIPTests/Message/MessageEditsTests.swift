import SIP
import Testing

@Suite struct MessageEditsTests {
    private static let octets = Array("0123456789".utf8)

    /// Edits as (from, to, text), and what they make of ten digits.
    @Test(
        arguments: [
            ([], "0123456789"), ([(0, 0, "a")], "a0123456789"), ([(10, 10, "a")], "0123456789a"), ([(0, 10, "")], ""),
            ([(3, 5, "ab")], "012ab56789"), ([(3, 5, "")], "01256789"), ([(3, 3, "a"), (3, 3, "b")], "012ab3456789"),
            ([(7, 8, "x"), (1, 2, "y"), (4, 4, "z")], "0y23z456x89"), ([(3, 3, "a"), (3, 6, "b")], "012ab6789"),
            ([(9, 10, "a"), (10, 10, "b")], "012345678ab"), ([(0, 1, "a"), (1, 2, "b"), (2, 3, "c")], "abc3456789"),
        ] as [([(Int, Int, String)], String)])
    func `are written in one pass`(edits: [(Int, Int, String)], result: String) {
        var record = MessageEdits()
        for (from, to, text) in edits { record.replace(from..<to, with: text.utf8) }
        #expect(record.applied(to: Self.octets) == Array(result.utf8))
    }

    @Test func `insert, remove and truncate`() {
        var edits = MessageEdits()
        edits.insert(at: 5) { $0.append(UInt8(ascii: "a")) }
        edits.remove(1..<3)
        edits.truncate(at: 8)
        #expect(edits.applied(to: Self.octets) == Array("034a567".utf8))
    }

    @Test func `a part of a message can be edited alone`() {
        var edits = MessageEdits()
        edits.replace(4..<5, with: "ab".utf8)
        #expect(edits.applied(to: Self.octets, in: 2..<7) == Array("23ab56".utf8))
    }

    @Test func `any order of recording gives the same`() {
        let edits = [(1, 2, "a"), (3, 4, "b"), (5, 6, "c"), (8, 9, "d")]
        for first in 0..<4 {
            for second in 0..<4 where second != first {
                var order = [edits[first], edits[second]]
                order += edits.indices.filter { $0 != first && $0 != second }.map { edits[$0] }
                var record = MessageEdits()
                for (from, to, text) in order { record.replace(from..<to, with: text.utf8) }
                #expect(record.applied(to: Self.octets) == Array("0a2b4c67d9".utf8))
            }
        }
    }
}
