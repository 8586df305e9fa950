import Foundation
import Testing

/// The table of requirements is true: every test that it names exists.
@Suite struct RequirementsTests {
    /// The sources of all tests but this table.
    private static let sources: String = {
        let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        var tests = folder
        while tests.lastPathComponent != "Tests", tests.path != "/" { tests.deleteLastPathComponent() }
        let names = FileManager.default.enumerator(atPath: tests.path)?.compactMap { $0 as? String } ?? []
        let files = names.filter { $0.hasSuffix(".swift") && !$0.contains("/Requirements/") }
        return files.compactMap { try? String(contentsOf: tests.appendingPathComponent($0), encoding: .utf8) }
            .joined(separator: "\n")
    }()

    private static func exists(_ test: String) -> Bool {
        sources.contains("func `\(test)`(") || sources.contains("@Test(\"\(test)\"")
            || sources.contains("@Test(\n        \"\(test)\"")
    }

    @Test(arguments: Requirements.all.map(\.rfc))
    func `every test that shows a requirement exists`(rfc: Int) throws {
        let list = try #require(Requirements.all.first { $0.rfc == rfc }).requirements
        for requirement in list {
            guard case .tests(let names) = requirement.evidence else { continue }
            #expect(!names.isEmpty, "RFC \(rfc) §\(requirement.section): \(requirement.text)")
            for name in names where !Self.exists(name) {
                Issue.record("RFC \(rfc) §\(requirement.section), \(requirement.text): there is no test `\(name)`")
            }
        }
    }

    @Test func `a test that is not there is noticed`() {
        #expect(!Self.exists("a test that nobody has written"))
        #expect(Self.exists("Max-Forwards counts down"))
    }

    @Test func `each entry says what is wanted, and what is not done says why`() {
        for (rfc, requirements) in Requirements.all {
            #expect(requirements.count > 3)
            for requirement in requirements {
                #expect(requirement.text.count > 10, "RFC \(rfc) §\(requirement.section)")
                switch requirement.evidence {
                case .tests: break
                case .notOurs(let reason), .open(let reason):
                    #expect(reason.count > 10, "RFC \(rfc) §\(requirement.section): \(requirement.text)")
                }
            }
        }
    }

    @Test func `what is open stays few`() {
        let open = Requirements.all.flatMap { rfc, list in
            list.compactMap { requirement -> String? in
                guard case .open(let reason) = requirement.evidence else { return nil }
                return "RFC \(rfc) §\(requirement.section): \(requirement.text): \(reason)"
            }
        }
        // A list that grows is a regression; one that shrinks is to be told here.
        #expect(open.count <= Self.mostOpen, "\(open.joined(separator: "\n"))")
    }

    private static let mostOpen = 15
}
