import Testing

@testable import sallyport_bench

@Suite("Bencode")
struct BencodeTests {
    // Computed: the leak checker takes the boxes of a global table for lost.
    static var values: [(String, Bencode)] {
        [
            ("i42e", .integer(42)), ("i-7e", .integer(-7)), ("i0e", .integer(0)), ("4:ping", .text("ping")),
            ("0:", .text("")), ("le", .list([])), ("l1:ai1ee", .list([.text("a"), .integer(1)])),
            ("de", .dictionary([:])),
            (
                "d1:ad1:bi2ee1:cl1:xee",
                .dictionary([
                    Array("a".utf8): .dictionary([Array("b".utf8): .integer(2)]), Array("c".utf8): .list([.text("x")]),
                ])
            ),
        ]
    }

    @Test("writes values, dictionaries sorted by key", arguments: values)
    func write(text: String, value: Bencode) { #expect(String(decoding: value.encoded, as: UTF8.self) == text) }

    @Test("reads what it writes", arguments: values)
    func read(text: String, value: Bencode) { #expect(Bencode(Array(text.utf8)) == value) }

    @Test(
        "refuses what is malformed",
        arguments: [
            "", "i", "ie", "i1", "i1e1:a", "5:abc", ":", "-1:a", "99999999999:a", "l", "li1e", "d", "d1:a", "d1:ae",
            "di1ei2ee", "x", "e",
        ])
    func malformed(text: String) { #expect(Bencode(Array(text.utf8)) == nil) }

    @Test("refuses nesting without end")
    func deep() {
        #expect(Bencode([UInt8](repeating: UInt8(ascii: "l"), count: 100_000)) == nil)
        let nested = String(repeating: "l", count: 33) + String(repeating: "e", count: 33)
        #expect(Bencode(Array(nested.utf8)) == nil)
    }

    @Test("finds the entries of a dictionary")
    func lookup() throws {
        let reply = try #require(Bencode(Array("d6:result2:ok3:sdp3:v=0e".utf8)))
        #expect(reply["result"]?.text == "ok")
        #expect(reply["sdp"]?.bytes == Array("v=0".utf8))
        #expect(reply["absent"] == nil)
        #expect(Bencode.integer(1)["result"] == nil)
    }

    @Test("keeps octets that are no text")
    func octets() { #expect(Bencode([0x32, 0x3a, 0xff, 0x00]) == .bytes([0xff, 0x00])) }
}
